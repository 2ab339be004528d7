// Replays, the latest first.

import { link } from './address.js';
import { get } from './api.js';
import { badge } from './badges.js';
import { h } from './dom.js';
import { number, when } from './format.js';
import { t } from './i18n.js';
import { live } from './live.js';
import { table } from './table.js';

const period = 3_000;

export function replays(place) {
    const before = place.query.get('before');
    live(place, period, (signal) => get('admin/replays', { before }, signal), (page) => [
        table({
            caption: t('replays.title'), isCaptionHidden: true, rows: page.replays, key: (job) => job.id,
            empty: t('replays.none'),
            columns: [
                { title: t('replay.id'), cell: (job) => link(String(job.id), ['replays', job.id]) },
                { title: t('replay.state'), cell: (job) => badge('replay_state', job.state) },
                { title: t('field.at'), cell: (job) => when(job.at) },
                { title: t('field.by'), cell: (job) => job.by },
                {
                    title: t('replay.progress'), numeric: true,
                    cell: (job) => `${number(job.total - job.pending - job.under_way)} / ${number(job.total)}`,
                },
                { title: t('replay.answered'), numeric: true, cell: (job) => number(job.answered) },
                { title: t('replay.failed'), numeric: true, cell: (job) => number(job.failed) },
                { title: t('field.reason'), wide: true, cell: (job) => job.reason },
            ],
        }),
        page.next ? h('p', {}, link(t('action.older'), ['replays'], { before: page.next })) : null,
    ]);
}
