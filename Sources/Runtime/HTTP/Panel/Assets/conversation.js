// One conversation: what was said, why it waits, and what people may do to it.

import { link } from './address.js';
import { call, get, segment } from './api.js';
import { badge } from './badges.js';
import { explanation } from './explanation.js';
import { h } from './dom.js';
import { ask, field, reasonField } from './form.js';
import { number, when } from './format.js';
import { label, t } from './i18n.js';
import { live } from './live.js';
import { say } from './notice.js';
import { may } from './session.js';
import { facts, table } from './table.js';

const period = 3_000;
const lines = 50;

export function conversation(place) {
    const id = place.parameters.conversation;
    const path = `admin/conversations/${segment(id)}`;
    const refresh = live(place, period, async (signal) => {
        const [record, why] = await Promise.all([get(path, { limit: lines }, signal), get(`${path}/explain`, {}, signal)]);
        return { record, why };
    }, ({ record, why }) => [
        h('div', { class: 'row' },
            record.held ? badge('conversation_state', 'held') : null,
            may('operator') ? actions(id, path, record, refresh) : null),
        explanation(why),
        facts(
            [t('letter.channel'), record.channel], [t('letter.contact'), record.contact],
            [t('queue.name'), record.queue && link(record.queue, ['queues', record.queue])],
            [t('conversation.unsettled'), record.has_unsettled ? t('answer.yes') : t('answer.no')]),
        said(record.lines),
        letters(record.dead_letters), sends(record.sends), turns(record.turns),
    ]);
}

function actions(id, path, record, refresh) {
    const act = async (name, question) => {
        if (await ask({ ...question, submit: (answers) => call('POST', `${path}/${name}`, { body: answers }) })) {
            say(t('conversation.changed', { id }));
            refresh();
        }
    };
    const simple = (name, text, meaning) => h('button', {
        type: 'button', 'data-key': name,
        on: {
            click: () => act(name, {
                title: `${text}: ${id}`, action: text, content: [h('p', {}, meaning), reasonField()],
            }),
        },
    }, text);
    return [
        record.held ? simple('release', t('conversation.release'), t('conversation.release.meaning'))
            : simple('hold', t('conversation.hold'), t('conversation.hold.meaning')),
        h('button', {
            type: 'button', 'data-key': 'transfer', on: { click: () => transfer(id, act) },
        }, t('conversation.transfer')),
    ];
}

async function transfer(id, act) {
    try {
        const { queues } = await get('admin/queues');
        const assistants = [...new Set(queues.map((queue) => queue.assistant))];
        await act('transfer', {
            title: `${t('conversation.transfer')}: ${id}`, action: t('conversation.transfer'),
            content: [
                h('p', {}, t('conversation.transfer.meaning')),
                field({
                    name: 'to',
                    label: t('queue.assistant'),
                    value: assistants[0],
                    options: assistants.map((name) => [name, name]),
                }),
                reasonField(),
            ],
        });
    } catch (error) {
        say(error.message, 'bad');
    }
}

function said(all) {
    const ordered = [...all].reverse().sort((a, b) => a.at.localeCompare(b.at));
    return h('section', {}, h('h2', {}, t('conversation.said')),
        ordered.length === 0 ? h('p', { class: 'muted' }, t('conversation.nothing_said'))
            : h('ol', {
                class: 'chat', tabindex: '0', 'aria-label': t('conversation.said'),
            }, ordered.map((line) => h('li', { class: line.role },
                h('p', { class: 'meta' }, label('line', line.role), ' · ', when(line.at),
                    line.kind && line.kind !== 'text' ? ` · ${label('kind', line.kind)}` : null),
                h('p', {}, line.text)))));
}

function letters(all) {
    return all.length === 0 ? null : table({
        caption: t('letters.title'), rows: all, key: (letter) => letter.id, empty: '',
        columns: [
            {
                title: t('letter.id'),
                cell: (letter) => link(String(letter.id), ['dead-letters', letter.id]),
            },
            { title: t('field.at'), cell: (letter) => when(letter.at) },
            { title: t('letter.category'), cell: (letter) => label('category', letter.category) },
            { title: t('letter.error'), wide: true, cell: (letter) => letter.error },
        ],
    });
}

function sends(all) {
    return table({
        caption: t('conversation.sends'), rows: all, key: (send) => `${send.turn} ${send.part}`,
        empty: t('conversation.no_sends'),
        columns: [
            { title: t('send.text'), wide: true, cell: (send) => send.text },
            { title: t('send.state'), cell: (send) => badge('send_state', send.state) },
            { title: t('letter.attempts'), numeric: true, cell: (send) => number(send.attempts) },
            { title: t('send.attempted'), cell: (send) => when(send.attempted_at) },
            { title: t('gateway.server'), cell: (send) => send.server },
            { title: t('letter.error'), cell: (send) => send.error },
        ],
    });
}

function turns(all) {
    return table({
        caption: t('conversation.turns'), rows: all, key: (turn) => turn.id, empty: t('conversation.no_turns'),
        columns: [
            { title: t('turn.started'), cell: (turn) => when(turn.started_at) },
            { title: t('turn.finished'), cell: (turn) => when(turn.finished_at) },
            { title: t('queue.assistant'), cell: (turn) => turn.assistant },
            { title: t('turn.attempt'), numeric: true, cell: (turn) => number(turn.attempt) },
            { title: t('usage.model'), cell: (turn) => turn.model },
            {
                title: t('turn.tokens'), numeric: true,
                cell: ({ prompt_tokens: prompt, completion_tokens: completion }) => (prompt === undefined
                    ? null : `${number(prompt)} + ${number(completion)}`),
            },
            { title: t('turn.transfer'), cell: (turn) => turn.transfer_to },
        ],
    });
}
