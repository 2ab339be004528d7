// Dead letters by time and category.

import { go, link } from './address.js';
import { get } from './api.js';
import { h } from './dom.js';
import { field, form } from './form.js';
import { day, number, share, when } from './format.js';
import { label, t } from './i18n.js';
import { live } from './live.js';
import { table } from './table.js';

export function errors(place) {
    const wanted = {
        since: place.query.get('since') ?? '24h', step: place.query.get('step') ?? 'hour',
        assistant: place.query.get('assistant') ?? '',
    };
    place.root.append(h('p', { class: 'muted' }, t('errors.purpose')), form({
        action: t('action.show'), class: 'filter', submit: async (answers) => go(['errors'], answers),
    }, h('div', { class: 'fields' },
        field({ name: 'since', label: t('filter.since'), value: wanted.since, hint: t('filter.time.hint') }),
        field({
            name: 'step',
            label: t('errors.step'),
            value: wanted.step,
            options: ['hour', 'day'].map((step) => [step, label('step', step)]),
        }),
        field({ name: 'assistant', label: t('queue.assistant'), value: wanted.assistant, hint: t('usage.assistant.hint') }))));
    live(place, null, (signal) => get('admin/errors', wanted, signal), (found) => {
        const total = Object.values(found.by_category).reduce((sum, count) => sum + count, 0);
        const most = Math.max(...found.errors.map((line) => line.count), 1);
        return [
            table({
                caption: t('analysis.by_category'), rows: Object.entries(found.by_category).sort((a, b) => b[1] - a[1]),
                key: ([name]) => name, empty: t('errors.none'),
                columns: [
                    {
                        title: t('letter.category'),
                        cell: ([name]) => link(label('category', name), ['dead-letters'], {
                            category: name, since: wanted.since, assistant: wanted.assistant,
                        }),
                    },
                    { title: t('analysis.count'), numeric: true, cell: ([, count]) => number(count) },
                    { title: t('analysis.share'), numeric: true, cell: ([, count]) => share(count / total) },
                ],
            }),
            table({
                caption: t('errors.by_time'), rows: [...found.errors].reverse(), key: (line) => `${line.at} ${line.category}`,
                empty: t('errors.none'),
                columns: [
                    { title: t('field.at'), cell: (line) => (wanted.step === 'day' ? day(line.at) : when(line.at)) },
                    { title: t('letter.category'), cell: (line) => label('category', line.category) },
                    {
                        title: t('analysis.count'), numeric: true,
                        cell: (line) => [
                            h('meter', { min: 0, max: most, value: line.count, 'aria-hidden': 'true' }),
                            ' ',
                            number(line.count),
                        ],
                    },
                ],
            }),
        ];
    });
}
