// The whole deployment at a glance, every two seconds.

import { link } from './address.js';
import { get, look } from './api.js';
import { badge } from './badges.js';
import { chart } from './chart.js';
import { h } from './dom.js';
import { clock, duration, number, share } from './format.js';
import { label, t, tn } from './i18n.js';
import { live } from './live.js';
import { queueColumns } from './queues.js';
import { poolCard } from './pools.js';
import { table } from './table.js';
import { TrafficHistory } from './traffic.js';

const period = 2_000;
/** Health and pools are asked with each third look: they change more slowly, and cost more. */
const rare = 3;

/** Kept while the page is open, whatever is looked at meanwhile. */
const history = new TrafficHistory();

export function overview(place) {
    let turn = 0;
    let rarely = null;
    live(place, period, async (signal) => {
        const asked = [get('admin/overview', {}, signal), get('admin/traffic', {}, signal)];
        if (turn % rare === 0) asked.push(look('health', signal), look('autoscaling/v1/pools', signal));
        turn += 1;
        const [figures, traffic, health, pools] = await Promise.all(asked);
        if (health) rarely = { health, pools };
        history.add(figures, traffic, Date.now());
        return { figures, traffic, ...rarely };
    }, render);
}

const series = [
    { name: 'inflow', format: (value) => rate(value), least: 1 },
    { name: 'replies', format: (value) => rate(value), least: 1 },
    { name: 'flight', format: (value) => number(value), least: 5 },
    { name: 'waiting', format: (value) => number(value), least: 5 },
    { name: 'oldest', format: (value) => duration(value), least: 5 },
    { name: 'errors', format: (value) => share(value), least: 0.05 },
];

function rate(value) {
    return value === null || value === undefined ? '–' : t('unit.per_second', { value: number(value, value < 10 ? 1 : 0) });
}

function render({ figures, traffic, health, pools }) {
    const now = Date.now();
    return [
        strip(figures, health),
        traffic.silent.length ? h('p', { class: 'notice warn' }, t('overview.silent', {
            names: traffic.silent.map((member) => `${member.process} (${member.problem})`).join('; '),
        })) : null,
        h('section', { class: 'charts', 'aria-label': t('overview.charts') }, series.map(({ name, format, least }) => chart({
            name: label('chart', name), format, least, now, span: history.span,
            points: history.points.map((point) => ({ at: point.at, value: point[name] })),
        }))),
        h('details', {}, h('summary', {}, t('overview.as_table')), figuresTable()),
        h('div', { class: 'pair' },
            h('section', {}, h('h2', {}, t('pools.title')), scaling(pools)), health ? components(health) : null),
        table({
            caption: t('queues.title'), columns: queueColumns(), rows: figures.queues, key: (queue) => queue.queue,
            empty: t('queues.none'),
        }),
        figures.members.length === 0 ? null : table({
            caption: t('members.title'), key: (member) => member.id, rows: figures.members,
            columns: [
                { title: t('members.id'), cell: (member) => h('code', {}, member.id) },
                { title: t('members.address'), cell: (member) => member.address },
                { title: t('members.queues'), numeric: true, cell: (member) => number(member.queues.length) },
                { title: t('queue.running'), numeric: true, cell: (member) => number(member.running) },
                { title: t('queue.waiting'), numeric: true, cell: (member) => number(member.waiting) },
            ],
        }),
    ];
}

function strip(figures, health) {
    return h('section', { class: 'strip', 'aria-label': t('overview.state') },
        health ? h('div', {}, badge('grade', health.status),
            h('span', {}, health.status === 'healthy' ? t('overview.well') : health.summary)) : null,
        health?.load ? h('div', {}, badge('load', health.load.level), h('span', {}, t('overview.load'))) : null,
        h('div', {}, link(tn('letters.count', figures.dead_letters.total), ['dead-letters']),
            h('span', { class: 'muted' }, t('overview.latest_hour', { count: number(figures.dead_letters.latest_hour) }))),
        figures.running_replays
            ? h('div', {}, link(tn('replays.running', figures.running_replays), ['replays'])) : null,
        h('div', { class: 'muted' }, t('overview.version', { version: figures.version, time: clock(new Date(figures.at)) })));
}

function scaling(pools) {
    if (!pools) return h('p', { class: 'muted' }, t('live.loading'));
    if (!pools.pools) return h('p', { class: 'notice warn' }, pools.error?.message ?? t('pools.unknown'));
    return h('div', { class: 'cards' }, Object.entries(pools.pools).sort().map(([name, pool]) => poolCard(name, pool)));
}

function components(health) {
    const rows = Object.entries(health.components).sort();
    return table({
        caption: t('health.title'), rows, key: ([name]) => name, empty: t('health.none'),
        columns: [
            { title: t('health.component'), cell: ([name]) => name },
            {
                title: t('health.state'),
                cell: ([, state]) => [
                    badge('grade', state.status), state.error ? h('div', { class: 'muted' }, state.error) : null,
                ],
            },
            {
                title: t('health.time'), numeric: true,
                cell: ([, state]) => (state.response_ms === undefined ? null : `${number(state.response_ms, 1)} ms`),
            },
        ],
    });
}

/** The charts' figures, one line for each half minute. */
function figuresTable() {
    const lines = [];
    for (const point of [...history.points].reverse()) {
        if (point.flight !== undefined && (!lines.length || lines.at(-1).at - point.at >= 30_000)) lines.push(point);
    }
    return table({
        caption: t('overview.charts'), isCaptionHidden: true, rows: lines, key: (point) => point.at,
        empty: t('overview.no_figures'),
        columns: [
            { title: t('field.at'), cell: (point) => clock(new Date(point.at)) },
            ...series.map(({ name, format }) => ({
                title: label('chart', name), numeric: true, cell: (point) => format(point[name]),
            })),
        ],
    });
}
