// One queue: who answers it, and what waits where.

import { link } from './address.js';
import { get, segment } from './api.js';
import { badge } from './badges.js';
import { h } from './dom.js';
import { duration, number, when } from './format.js';
import { t } from './i18n.js';
import { live } from './live.js';
import { pauseButton } from './pause.js';
import { may } from './session.js';
import { facts, table } from './table.js';

const period = 3_000;

export function queue(place) {
    const path = `admin/queues/${segment(place.parameters.queue)}`;
    const refresh = live(place, period, (signal) => get(path, {}, signal), ({ status, owners, partitions, ...rest }) => [
        h('div', { class: 'row' }, badge('queue_state', status.paused ? 'paused' : 'active'),
            may('operator') ? pauseButton(status, () => refresh()) : null,
            link(t('queue.letters'), ['dead-letters'], { assistant: status.assistant })),
        facts(
            [t('queue.depth'), number(status.depth)], [t('queue.oldest'), duration(status.oldest_seconds)],
            [t('queue.running'), number(status.running)], [t('queue.waiting'), number(status.waiting)],
            [t('queue.assistant'), status.assistant], [t('queue.lane'), status.lane]),
        rest.unowned_partitions > 0 && owners.length > 0
            ? h('p', { class: 'notice warn' }, t('queue.unowned', { count: number(rest.unowned_partitions) })) : null,
        table({
            caption: t('queue.owners'), rows: owners, key: (owner) => owner.member, empty: t('queue.no_owners'),
            columns: [
                { title: t('members.id'), cell: (owner) => h('code', {}, owner.member) },
                { title: t('queue.state'), cell: (owner) => badge('owner', owner.alive ? 'up' : 'down') },
                { title: t('members.address'), cell: (owner) => owner.address },
                { title: t('queue.partitions'), numeric: true, cell: (owner) => number(owner.partitions) },
            ],
        }),
        table({
            caption: t('queue.backlog'), rows: partitions, key: (part) => part.number, empty: t('queue.nothing_waits'),
            columns: [
                { title: t('queue.partition'), numeric: true, cell: (part) => number(part.number) },
                { title: t('queue.depth'), numeric: true, cell: (part) => number(part.depth) },
                { title: t('queue.oldest_at'), cell: (part) => when(part.oldest_at) },
                {
                    title: t('queue.oldest_conversation'), wide: true,
                    cell: (part) => link(part.oldest_conversation, ['conversations', part.oldest_conversation]),
                },
                { title: t('queue.owner'), cell: (part) => part.owner && h('code', {}, part.owner) },
            ],
        }),
    ]);
}
