// Who changed which setting, and the way back.

import { link } from './address.js';
import { call, get } from './api.js';
import { h } from './dom.js';
import { ask, reasonField } from './form.js';
import { when } from './format.js';
import { label, t, tn } from './i18n.js';
import { live } from './live.js';
import { say } from './notice.js';
import { may } from './session.js';
import { table } from './table.js';

const most = 200;

export function changes(place) {
    place.root.append(h('p', { class: 'muted' }, t('changes.purpose')));
    const load = (signal) => get('admin/settings/history', { limit: most }, signal);
    const refresh = live(place, null, load, ({ changes: all }) => [
        may('admin') && all.length
            ? h('div', { class: 'row' }, rollBackButton(0, t('changes.roll_back.all'), () => refresh())) : null,
        table({
            caption: t('changes.title'), isCaptionHidden: true, rows: all, key: (change) => change.id, empty: t('changes.none'),
            columns: [
                ...changeColumns(),
                ...may('admin') ? [{
                    title: t('field.actions'), isTitleHidden: true,
                    // As it is now is where one already is.
                    cell: (change) => (change === all[0]
                        ? '' : rollBackButton(change.id, t('changes.roll_back'), () => refresh())),
                }] : [],
            ],
        }),
    ]);
}

export function changeColumns() {
    return [
        { title: t('changes.id'), cell: (change) => String(change.id) },
        { title: t('field.at'), cell: (change) => when(change.at) },
        { title: t('field.by'), cell: (change) => change.by },
        { name: 'path', title: t('setting.path'), wide: true, cell: (change) => link(change.path, ['settings', change.path]) },
        { title: t('changes.action'), cell: (change) => label('change', change.action) },
        { title: t('changes.old'), cell: (change) => code(change.old) },
        { title: t('changes.new'), cell: (change) => code(change.new) },
        { title: t('setting.expires'), cell: (change) => when(change.expires_at) },
        { title: t('field.reason'), cell: (change) => change.reason },
    ];
}

function code(text) {
    return text === undefined ? null : h('code', { class: 'value' }, text);
}

/** @param {number} to The change after which everything was as it shall be; 0 for nothing set. */
function rollBackButton(to, text, changed) {
    return h('button', {
        type: 'button', 'aria-label': to ? t('changes.roll_back.to', { id: to }) : null,
        on: {
            click: async () => {
                let count = 0;
                const isDone = await ask({
                    title: to ? t('changes.roll_back.to', { id: to }) : text, action: t('changes.roll_back'), danger: true,
                    content: [
                        h('p', {}, to ? t('changes.roll_back.meaning', { id: to }) : t('changes.roll_back.all.meaning')),
                        reasonField(),
                    ],
                    submit: async ({ reason }) => {
                        const body = { to, ...reason ? { reason } : {} };
                        const answer = await call('POST', 'admin/settings/rollback', { body });
                        count = answer.changes.length;
                    },
                });
                if (!isDone) return;
                say(tn('changes.rolled_back', count));
                changed();
            },
        },
    }, text);
}
