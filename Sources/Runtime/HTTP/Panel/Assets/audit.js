// Who did what.

import { go, link } from './address.js';
import { get } from './api.js';
import { h } from './dom.js';
import { field, form } from './form.js';
import { when } from './format.js';
import { label, t } from './i18n.js';
import { live } from './live.js';
import { table } from './table.js';

const pageLength = 50;

export function audit(place) {
    const wanted = { who: place.query.get('who') ?? '', action: place.query.get('action') ?? '' };
    const before = place.query.get('before');
    place.root.append(form({
        action: t('action.search'), class: 'filter', role: 'search', 'aria-label': t('audit.search'),
        submit: async (answers) => go(['audit'], answers),
    }, h('div', { class: 'fields' },
        field({ name: 'who', label: t('audit.who'), value: wanted.who }),
        field({ name: 'action', label: t('audit.action'), value: wanted.action, hint: t('audit.action.hint') }))));
    live(place, null, (signal) => get('admin/audit', { ...wanted, before, limit: pageLength }, signal), (page) => [
        table({
            caption: t('audit.title'), isCaptionHidden: true, rows: page.audit, key: (line) => line.id, empty: t('audit.none'),
            columns: [
                { title: t('field.at'), cell: (line) => when(line.at) },
                { title: t('audit.who'), cell: (line) => line.who },
                { title: t('audit.role'), cell: (line) => (line.role ? label('role', line.role) : null) },
                { title: t('audit.action'), cell: (line) => h('code', {}, line.action) },
                { title: t('audit.target'), wide: true, cell: (line) => h('code', { class: 'value' }, line.target) },
                {
                    title: t('audit.detail'), wide: true,
                    cell: (line) => line.detail && h('span', { class: 'value' }, line.detail),
                },
                {
                    title: t('audit.status'), numeric: true,
                    cell: (line) => (line.status === undefined ? t('audit.unfinished') : String(line.status)),
                },
                { title: t('audit.address'), cell: (line) => line.address },
            ],
        }),
        page.next ? h('p', {}, link(t('action.older'), ['audit'], { ...wanted, before: page.next })) : null,
    ]);
}
