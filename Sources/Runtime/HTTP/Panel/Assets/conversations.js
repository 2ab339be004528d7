// Conversations: one by its id, and those that are held.

import { go, link } from './address.js';
import { get } from './api.js';
import { h } from './dom.js';
import { field, form } from './form.js';
import { t } from './i18n.js';
import { live } from './live.js';
import { table } from './table.js';

const pageLength = 50;

export function conversations(place) {
    const after = place.query.get('after');
    place.root.append(form({
        action: t('action.open'), class: 'filter', role: 'search', 'aria-label': t('conversations.search'),
        submit: async ({ id }) => go(['conversations', id]),
    }, h('div', { class: 'fields' },
        field({
            name: 'id', label: t('conversations.id'), hint: t('conversations.id.hint'), required: true, type: 'search',
        }))));
    live(place, null, (signal) => get('admin/conversations', { after, limit: pageLength }, signal), (page) => [
        table({
            caption: t('conversations.held'), rows: page.held, key: (id) => id, empty: t('conversations.none_held'),
            columns: [{ title: t('letter.conversation'), cell: (id) => link(id, ['conversations', id]) }],
        }),
        page.next ? h('p', {}, link(t('action.more'), ['conversations'], { after: page.next })) : null,
    ]);
}
