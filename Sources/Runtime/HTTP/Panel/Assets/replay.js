// One replay, while it runs and afterwards.

import { link } from './address.js';
import { call, get, segment } from './api.js';
import { badge } from './badges.js';
import { h } from './dom.js';
import { number, when } from './format.js';
import { label, t, tn } from './i18n.js';
import { live } from './live.js';
import { say } from './notice.js';
import { may } from './session.js';
import { facts } from './table.js';

const period = 1_000;

export function replay(place) {
    const path = `admin/replays/${segment(place.parameters.replay)}`;
    const refresh = live(place, period, (signal) => get(path, {}, signal), (job) => {
        const done = job.total - job.pending - job.under_way;
        return [
            h('div', { class: 'row' }, h('span', { role: 'status' }, badge('replay_state', job.state)),
                h('span', {}, t('replay.done_of', { done: number(done), total: number(job.total) })),
                may('operator') && job.state === 'running' ? h('button', {
                    type: 'button', on: { click: () => cancel(path, job.id, refresh) },
                }, t('replay.cancel')) : null),
            h('progress', { max: job.total || 1, value: done, 'aria-label': t('replay.progress') }),
            facts(
                [t('replay.answered'), number(job.answered)], [t('replay.failed'), number(job.failed)],
                [t('replay.under_way'), number(job.under_way)], [t('replay.pending'), number(job.pending)],
                [t('replay.skipped'), number(job.skipped)], [t('replay.gone'), number(job.gone)]),
            facts(
                [t('field.by'), job.by], [t('field.at'), when(job.at)], [
                    t('replay.finished'), job.finished_at && when(job.finished_at),
                ],
                [t('replay.rate'), t('unit.per_second', { value: number(job.rate, 2) })],
                [t('field.reason'), job.reason], [t('replay.filter'), filterText(job.filter)],
                [t('replay.options'), options(job)]),
            h('p', {}, link(t('letters.title'), ['dead-letters']), ' · ', link(t('replays.title'), ['replays'])),
        ];
    });
}

async function cancel(path, id, refresh) {
    try {
        await call('POST', `${path}/cancel`);
        say(t('replay.cancelled', { id }));
        refresh();
    } catch (error) {
        say(error.message, 'bad');
    }
}

function filterText({ ids, ...rest }) {
    const parts = Object.entries(rest).map(([name, value]) => `${name}: ${value}`);
    if (ids) parts.unshift(ids.length > 20 ? tn('letters.count', ids.length) : ids.map((id) => `#${id}`).join(', '));
    return parts.length ? parts.join('; ') : t('filter.everything');
}

function options(job) {
    const chosen = ['reset_retry_count', 'release', 'resend_in_doubt'].filter((name) => job[name]);
    return chosen.length ? chosen.map((name) => label('replay_option', name)).join('; ') : null;
}
