// Which dead letters are meant: a form, an address, and what the API is told are the same fields.

import { h } from './dom.js';
import { field, form } from './form.js';
import { label, t } from './i18n.js';

export const categories = [
    'timeout', 'connection', 'rate_limit', 'auth', 'quota', 'validation', 'crash', 'refused', 'send_in_doubt', 'other',
];
const kinds = [
    'text', 'image', 'video', 'audio', 'document', 'sticker', 'location', 'contact', 'list_reply', 'button_reply', 'reaction',
    'system', 'unknown',
];
const names = ['text', 'assistant', 'category', 'since', 'until', 'channel', 'conversation', 'kind', 'fingerprint', 'from_id'];

/** @param {URLSearchParams} query Of the address. */
export function filterOf(query) {
    return Object.fromEntries(names.map((name) => [name, query.get(name)]).filter(([, value]) => value));
}

/** As bodies of the API have it: what means everything has to say so. */
export function wholeFilter(filter) {
    const { from_id: first, ...rest } = filter;
    const body = { ...rest, ...first ? { from_id: Number(first) } : {} };
    return Object.keys(body).length === 0 ? { all: true } : body;
}

/**
 * @param {string[]} assistants Those that there are.
 * @param {function(Object): void} search Called with the new filter.
 */
export function filterForm(filter, assistants, search) {
    const any = ['', t('filter.any')];
    const options = (group, values) => [any, ...values.map((value) => [value, label(group, value)])];
    const rare = ['channel', 'conversation', 'kind', 'fingerprint', 'from_id', 'until'];
    return form({
        action: t('action.search'), class: 'filter', role: 'search', 'aria-label': t('letters.search'),
        extra: [h('button', { type: 'button', on: { click: () => search({}) } }, t('action.clear'))],
        submit: async (answers) => search(answers),
    },
    h('div', { class: 'fields' },
        field({ name: 'text', label: t('filter.text'), type: 'search', value: filter.text, hint: t('filter.text.hint') }),
        field({
            name: 'assistant',
            label: t('queue.assistant'),
            value: filter.assistant,
            options: [any, ...known(assistants, filter.assistant)],
        }),
        field({
            name: 'category', label: t('letter.category'), value: filter.category, options: options('category', categories),
        }),
        field({ name: 'since', label: t('filter.since'), value: filter.since, hint: t('filter.time.hint') })),
    h('details', { open: rare.some((name) => filter[name]) }, h('summary', {}, t('filter.more')),
        h('div', { class: 'fields' },
            field({ name: 'until', label: t('filter.until'), value: filter.until, hint: t('filter.time.hint') }),
            field({ name: 'channel', label: t('letter.channel'), value: filter.channel }),
            field({ name: 'conversation', label: t('letter.conversation'), value: filter.conversation }),
            field({ name: 'kind', label: t('letter.kind'), value: filter.kind, options: options('kind', kinds) }),
            field({ name: 'fingerprint', label: t('letter.fingerprint'), value: filter.fingerprint }),
            field({
                name: 'from_id', label: t('filter.from'), value: filter.from_id, inputmode: 'numeric', pattern: '[0-9]+',
            }))));
}

/** An assistant that is gone may still have dead letters. */
function known(assistants, wanted) {
    return [...new Set([...assistants, ...wanted ? [wanted] : []])].map((name) => [name, name]);
}
