// Gateway servers and circuit breakers, as the processes that use them see them.

import { get } from './api.js';
import { badge } from './badges.js';
import { h } from './dom.js';
import { duration, number, share, when } from './format.js';
import { label, t, tn } from './i18n.js';
import { live } from './live.js';
import { table } from './table.js';

const period = 3_000;
const order = ['open', 'half_open', 'closed'];

export function gateways(place) {
    place.root.append(h('p', { class: 'muted' }, t('gateways.purpose')));
    live(place, period, async (signal) => {
        const [servers, breakers] = await Promise.all([get('admin/gateways', {}, signal), get('admin/breakers', {}, signal)]);
        return { servers, breakers };
    }, ({ servers, breakers }) => {
        const states = new Map(
            flat(breakers, 'breakers').map((breaker) => [`${breaker.process} ${breaker.name}`, breaker.state]),
        );
        return [
            sight(breakers),
            serverTable(flat(servers, 'gateways'), states),
            breakerTable(flat(breakers, 'breakers')),
        ];
    });
}

/** One list of what all processes say, each with its process. */
function flat(answer, member) {
    return answer.processes.flatMap(
        (process) => (process[member] ?? []).map((item) => ({ ...item, process: process.process })),
    );
}

function sight({ processes, silent }) {
    return [
        h('p', { class: 'muted' }, tn('gateways.sight', processes.length), ' ',
            processes.map((process) => `${process.process} (${label('process_role', process.role)})`).join(', ')),
        silent.length ? h('div', { class: 'notice warn' }, h('p', {}, t('gateways.silent')),
            h('ul', {}, silent.map((member) => h('li', {}, `${member.process}: ${member.problem}`)))) : null,
    ];
}

function serverTable(servers, states) {
    return table({
        caption: t('gateways.servers'), rows: servers, empty: t('gateways.none'),
        key: (server) => `${server.process} ${server.channel} ${server.server}`,
        columns: [
            { title: t('letter.channel'), cell: (server) => server.channel },
            { title: t('gateway.server'), cell: (server) => server.server },
            {
                title: t('gateway.state'),
                cell: (server) => [
                    badge('owner', server.up ? 'up' : 'down'),
                    server.problem ? h('div', { class: 'muted' }, server.problem) : null,
                ],
            },
            {
                title: t('gateway.breaker'),
                cell: (server) => {
                    const state = states.get(`${server.process} ${server.breaker}`);
                    return state && badge('breaker_state', state);
                },
            },
            { title: t('gateway.weight'), numeric: true, cell: (server) => number(server.weight) },
            { title: t('gateway.policy'), cell: (server) => label('policy', server.policy) },
            {
                title: t('gateway.pace'), numeric: true,
                cell: ({ replies_per_minute: pace }) => (pace === undefined
                    ? t('gateway.no_limit') : t('unit.per_minute', { value: number(pace) })),
            },
            { title: t('gateway.process'), cell: (server) => h('code', {}, server.process) },
        ],
    });
}

function breakerTable(breakers) {
    const rows = [...breakers].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.name.localeCompare(b.name));
    return table({
        caption: t('gateways.breakers'), rows, key: (breaker) => `${breaker.process} ${breaker.name}`,
        empty: t('gateways.no_breakers'),
        columns: [
            { title: t('breaker.name'), cell: (breaker) => breaker.name },
            { title: t('gateway.state'), cell: (breaker) => badge('breaker_state', breaker.state) },
            {
                title: t('breaker.since'),
                cell: (breaker) => [
                    when(breaker.since),
                    breaker.next_probe
                        ? h('div', { class: 'muted' }, t('breaker.next_probe'), ' ', when(breaker.next_probe)) : null,
                ],
            },
            {
                title: t('breaker.window'), numeric: true,
                cell: (breaker) => t('breaker.errors', { errors: number(breaker.errors), calls: number(breaker.calls) }),
            },
            { title: t('breaker.why'), wide: true, cell: why },
            { title: t('breaker.limits'), cell: limits },
            { title: t('gateway.process'), cell: (breaker) => h('code', {}, breaker.process) },
        ],
    });
}

function why({ opening, latest_failure: failure }) {
    if (!opening && !failure) return null;
    return [
        opening ? h('div', {}, t('breaker.errors', { errors: number(opening.errors), calls: number(opening.calls) })) : null,
        failure ? h('div', { class: 'muted' }, when(failure.at), ' ', failure.reason) : null,
    ];
}

function limits({ limits: limit }) {
    return t('breaker.limits.line', {
        share: share(limit.error_ratio), calls: number(limit.minimum_calls), window: duration(limit.window_seconds),
        timeout: duration(limit.call_timeout_seconds), open: duration(limit.open_seconds),
    });
}
