// All queues.

import { link } from './address.js';
import { get } from './api.js';
import { badge } from './badges.js';
import { h } from './dom.js';
import { duration, number } from './format.js';
import { t } from './i18n.js';
import { live } from './live.js';
import { pauseButton } from './pause.js';
import { may } from './session.js';
import { table } from './table.js';

const period = 2_000;

export function queues(place) {
    place.root.append(h('p', { class: 'muted' }, t('queues.purpose')));
    const refresh = live(place, period, (signal) => get('admin/queues', {}, signal), ({ queues: all }) => table({
        caption: t('queues.title'), isCaptionHidden: true, key: (queue) => queue.queue, rows: all, empty: t('queues.none'),
        columns: [
            ...queueColumns(),
            ...may('operator') ? [{
                title: t('field.actions'), isTitleHidden: true, cell: (queue) => pauseButton(queue, () => refresh()),
            }] : [],
        ],
    }));
}

export function queueColumns() {
    return [
        { title: t('queue.name'), cell: (queue) => link(queue.queue, ['queues', queue.queue]) },
        { title: t('queue.state'), cell: (queue) => badge('queue_state', queue.paused ? 'paused' : 'active') },
        { title: t('queue.depth'), numeric: true, cell: (queue) => number(queue.depth) },
        { title: t('queue.oldest'), numeric: true, cell: (queue) => duration(queue.oldest_seconds) },
        { title: t('queue.running'), numeric: true, cell: (queue) => number(queue.running) },
        { title: t('queue.waiting'), numeric: true, cell: (queue) => number(queue.waiting) },
        { title: t('queue.members'), numeric: true, cell: (queue) => number(queue.members) },
    ];
}
