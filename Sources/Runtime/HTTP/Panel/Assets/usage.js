// Tokens and costs.

import { go } from './address.js';
import { get } from './api.js';
import { h } from './dom.js';
import { field, form } from './form.js';
import { day, number } from './format.js';
import { t, tn } from './i18n.js';
import { live } from './live.js';
import { table } from './table.js';

const spans = [1, 7, 30, 90];

export function usage(place) {
    const days = place.query.get('days') ?? '7';
    const assistant = place.query.get('assistant') ?? '';
    place.root.append(form({
        action: t('action.show'), class: 'filter', submit: async (answers) => go(['usage'], answers),
    }, h('div', { class: 'fields' },
        field({
            name: 'days',
            label: t('usage.days'),
            value: days,
            options: spans.map((span) => [String(span), tn('usage.span', span)]),
        }),
        field({ name: 'assistant', label: t('queue.assistant'), value: assistant, hint: t('usage.assistant.hint') }))));
    live(place, null, (signal) => get('admin/usage', { days, assistant }, signal), (found) => [
        h('p', { class: 'row' }, h('strong', {}, tn('usage.requests', found.total.requests)),
            h('span', {}, t('usage.tokens', {
                prompt: number(found.total.prompt_tokens), completion: number(found.total.completion_tokens),
            })),
            h('span', {}, t('usage.cost_of', { cost: number(found.total.cost, 4) }))),
        sums(t('usage.by_assistant'), t('queue.assistant'), found.by_assistant),
        sums(t('usage.by_model'), t('usage.model'), found.by_model),
        table({
            caption: t('usage.by_day'), rows: [...found.days].reverse(),
            key: (line) => `${line.day} ${line.assistant} ${line.model}`, empty: t('usage.none'),
            columns: [
                { title: t('usage.day'), cell: (line) => day(line.day) },
                { title: t('queue.assistant'), cell: (line) => line.assistant },
                { title: t('usage.model'), cell: (line) => line.model },
                ...figures((line) => line),
            ],
        }),
    ]);
}

function sums(caption, title, found) {
    return table({
        caption, key: ([name]) => name,
        rows: Object.entries(found).sort((a, b) => b[1].cost - a[1].cost || b[1].requests - a[1].requests),
        empty: t('usage.none'), columns: [{ title, cell: ([name]) => name }, ...figures(([, sum]) => sum)],
    });
}

function figures(of) {
    return [
        { title: t('usage.calls'), numeric: true, cell: (row) => number(of(row).requests) },
        { title: t('usage.prompt'), numeric: true, cell: (row) => number(of(row).prompt_tokens) },
        { title: t('usage.completion'), numeric: true, cell: (row) => number(of(row).completion_tokens) },
        { title: t('usage.cost'), numeric: true, cell: (row) => number(of(row).cost, 4) },
    ];
}
