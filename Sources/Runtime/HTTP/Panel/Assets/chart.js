// A line over time, small, with its figure beside it.

import { h, svg } from './dom.js';
import { t } from './i18n.js';

const [width, height] = [300, 72];

/**
 * @param {{name: string, points: Array<{at: number, value: ?number}>, span: number, now: number,
 *     format: function(number): string, least: number}} chart `least` is what the vertical axis shows at least.
 */
export function chart({ name, points, span, now, format, least }) {
    const known = points.filter((point) => point.value !== null && point.value !== undefined);
    const latest = points.at(-1)?.value ?? null;
    const peak = Math.max(...known.map((point) => point.value), 0);
    const top = roundUp(Math.max(peak, least));
    const summary = known.length === 0 ? t('chart.nothing', { name }) : t('chart.summary', {
        name, now: format(latest), low: format(Math.min(...known.map((point) => point.value))), high: format(peak),
        minutes: span / 60_000,
    });
    const x = (at) => (width * (1 - (now - at) / span)).toFixed(1);
    const y = (value) => (height - 1 - (height - 4) * (value / top)).toFixed(1);
    const path = (run) => `M${run.map((point) => `${x(point.at)},${y(point.value)}`).join(' L')}`;
    const runs = split(points);
    return h('figure', { class: 'chart', 'data-key': name },
        h('figcaption', {}, h('span', { class: 'name' }, name), h('strong', {}, format(latest))),
        svg('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': summary },
            svg('line', { class: 'axis', x1: 0, x2: width, y1: height - 1, y2: height - 1 }),
            svg('line', { class: 'grid', x1: 0, x2: width, y1: y(top), y2: y(top) }),
            runs.map((run) => svg('path', { class: 'area', d: `${path(run)} V${height - 1} H${x(run[0].at)} Z` })),
            runs.map((run) => svg('path', { class: 'line', d: path(run) }))),
        h('p', { class: 'scale', 'aria-hidden': 'true' },
            h('span', {}, t('chart.ago', { minutes: span / 60_000 })), h('span', {}, t('chart.top', { value: format(top) }))));
}

/** To 1, 2 or 5 times a power of ten: so the scale seldom changes. */
function roundUp(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999) ?? value;
}

/** Where something is not known, the line is broken. */
function split(points) {
    const runs = [];
    let run = [];
    for (const point of points) {
        if (point.value === null || point.value === undefined) {
            if (run.length) runs.push(run);
            run = [];
        } else {
            run.push(point);
        }
    }
    if (run.length) runs.push(run);
    return runs;
}
