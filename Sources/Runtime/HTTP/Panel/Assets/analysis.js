// What dead letters have in common, and what to do about them.

import { link } from './address.js';
import { get } from './api.js';
import { h, replace } from './dom.js';
import { number, share, when } from './format.js';
import { label, language, t, tn } from './i18n.js';
import { table } from './table.js';

/** Shows it in `box`. */
export async function analysis(box, filter, signal) {
    replace(box, h('p', { class: 'muted' }, t('live.loading')));
    try {
        replace(box, content(filter, await get('admin/dead-letters/analysis', filter, signal)));
        box.querySelector('h2').focus();
    } catch (error) {
        if (!signal.aborted) replace(box, h('p', { class: 'notice bad', role: 'alert' }, error.message));
    }
}

function content(filter, found) {
    return h('section', { class: 'card stack' },
        h('h2', { tabindex: '-1' }, t('analysis.title')),
        h('h3', {}, t('analysis.recommendations')),
        h('ul', { lang: 'en' }, found.recommendations.map((text) => h('li', {}, text))),
        language === 'en' ? null : h('p', { class: 'muted' }, t('analysis.in_english')),
        table({
            caption: t('analysis.errors'), rows: found.top_errors, key: (error) => error.fingerprint, empty: t('letters.none'),
            columns: [
                {
                    title: t('letter.fingerprint'), wide: true,
                    cell: (error) => link(error.fingerprint, ['dead-letters'], { ...filter, fingerprint: error.fingerprint }),
                },
                { title: t('letter.category'), cell: (error) => label('category', error.category) },
                {
                    title: t('analysis.count'), numeric: true,
                    cell: (error) => `${number(error.count)} (${share(error.count / found.total)})`,
                },
                { title: t('conversations.title'), numeric: true, cell: (error) => number(error.conversations) },
                { title: t('analysis.first'), cell: (error) => when(error.first_at) },
                { title: t('analysis.last'), cell: (error) => when(error.last_at) },
                {
                    title: t('analysis.example'),
                    cell: (error) => link(String(error.example_id), ['dead-letters', error.example_id]),
                },
            ],
        }),
        h('div', { class: 'cards' },
            shares(t('analysis.by_category'), found.by_category, found.total, (name) => label('category', name)),
            shares(t('analysis.by_assistant'), found.by_assistant, found.total, (name) => name),
            shares(t('analysis.by_kind'), found.by_kind, found.total, (name) => label('kind', name)),
            table({
                caption: t('analysis.by_hour'), rows: [...found.by_hour].reverse().slice(0, 24), key: (hour) => hour.at,
                empty: t('letters.none'),
                columns: [
                    { title: t('analysis.hour'), cell: (hour) => when(hour.at) },
                    { title: t('analysis.count'), numeric: true, cell: (hour) => number(hour.count) },
                ],
            })),
        h('p', { class: 'muted' }, tn('letters.count', found.total)));
}

function shares(caption, counts, total, name) {
    return table({
        caption, rows: Object.entries(counts).sort((a, b) => b[1] - a[1]), key: ([key]) => key, empty: t('letters.none'),
        columns: [
            { title: t('analysis.what'), cell: ([key]) => name(key) },
            { title: t('analysis.count'), numeric: true, cell: ([, count]) => number(count) },
            {
                title: t('analysis.share'), numeric: true,
                cell: ([, count]) => [
                    h('meter', { min: 0, max: total, value: count, 'aria-hidden': 'true' }), ' ', share(count / total),
                ],
            },
        ],
    });
}
