// Tables. On narrow screens each row is a card; the roles keep them tables for screen readers.

import { h } from './dom.js';

/**
 * @param {{caption: string, isCaptionHidden: ?boolean, columns: Array, rows: Array, key: ?function, empty: string}} table
 *     A column has a `title`, a `cell` (what it shows of a row) and perhaps `numeric`, `wide` or `isTitleHidden`. The first
 *     that has no `plain` names the row.
 */
export function table({ caption, isCaptionHidden = false, columns, rows, key = null, empty }) {
    if (rows.length === 0) {
        return h('section', { class: 'table empty' }, h('h2', { class: isCaptionHidden ? 'visually-hidden' : null }, caption),
            h('p', { class: 'muted' }, empty));
    }
    const name = columns.findIndex((column) => !column.plain);
    const head = columns.map((column) => h('th', { scope: 'col', role: 'columnheader', class: classes(column) },
        column.isTitleHidden ? h('span', { class: 'visually-hidden' }, column.title) : column.title));
    const body = rows.map((row) => h('tr', { role: 'row', 'data-key': key ? key(row) : null }, columns.map((column, index) => {
        const shown = column.cell(row) ?? '–';
        const content = h('div', {}, shown);
        const common = { 'data-label': column.isTitleHidden ? null : column.title, class: classes(column, shown === '–') };
        return index === name
            ? h('th', { scope: 'row', role: 'rowheader', ...common }, content) : h('td', { role: 'cell', ...common }, content);
    })));
    // A few columns fit everywhere.
    return h('div', { class: columns.length <= 3 ? 'table small' : 'table' },
        h('table', { role: 'table' },
            h('caption', { class: isCaptionHidden ? 'visually-hidden' : null }, caption),
            h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head)), h('tbody', { role: 'rowgroup' }, body)));
}

function classes(column, isNothing = false) {
    return [column.numeric && 'numeric', column.wide && 'wide', isNothing && 'nothing'].filter(Boolean).join(' ') || null;
}

/** Names with what belongs to them. Entries without a value are left out. */
export function facts(...entries) {
    return h('dl', { class: 'facts' }, entries.filter(([, value]) => value !== null && value !== undefined)
        .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}
