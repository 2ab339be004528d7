// Dead letters: found, chosen, understood, replayed, deleted.

import { address, go, link } from './address.js';
import { analysis } from './analysis.js';
import { get } from './api.js';
import { badge } from './badges.js';
import { h, replace } from './dom.js';
import { number, when } from './format.js';
import { label, t, tn } from './i18n.js';
import { filterForm, filterOf, wholeFilter } from './letter-filter.js';
import { live } from './live.js';
import { purge } from './purge.js';
import { startReplay } from './start-replay.js';
import { may } from './session.js';
import { table } from './table.js';

const pageLength = 50;

export function deadLetters(place) {
    const { root, query, signal } = place;
    const filter = filterOf(query);
    const before = query.get('before');
    const form = h('div');
    root.append(form);
    get('admin/queues', {}, signal).catch(() => ({ queues: [] })).then(({ queues }) => replace(form,
        filterForm(filter, [...new Set(queues.map((queue) => queue.assistant))], (wanted) => go(['dead-letters'], wanted))));
    const refresh = live(place, null, async () => {
        const [page, counts] = await Promise.all([
            get('admin/dead-letters', { ...filter, before, limit: pageLength }, signal),
            get('admin/dead-letters/stats', filter, signal),
        ]);
        return { page, counts };
    }, ({ page, counts }) => content(place, filter, page, counts, refresh));
}

function content({ signal }, filter, page, counts, refresh) {
    const selection = new Selection(filter, counts.total, page.dead_letters);
    const findings = h('div', { class: 'stack' });
    // A new one each time: what was chosen in the old list means nothing in the new one.
    return h('div', { class: 'stack', 'data-key': `${Date.now()}` },
        h('div', { class: 'row' },
            h('strong', {}, tn('letters.count', counts.total)),
            h('span', { class: 'muted' }, tn('pools.conversations', counts.conversations)),
            counts.replaying ? h('span', { class: 'muted' }, tn('letters.replaying', counts.replaying)) : null,
            ...Object.entries(counts.by_category).sort((a, b) => b[1] - a[1]).map(([category, count]) => h('a', {
                class: 'chip', href: address(['dead-letters'], { ...filter, category }),
            }, `${label('category', category)} ${number(count)}`)),
            counts.total ? h('button', {
                type: 'button', on: { click: () => analysis(findings, filter, signal) },
            }, t('letters.analyse')) : null),
        findings,
        may('operator') && counts.total ? selection.toolbar(refresh) : null,
        list(page.dead_letters, selection),
        page.next ? h('p', {}, link(t('action.older'), ['dead-letters'], { ...filter, before: page.next })) : null);
}

function list(letters, selection) {
    return table({
        caption: t('letters.title'), isCaptionHidden: true, rows: letters, key: (letter) => letter.id, empty: t('letters.none'),
        columns: [
            ...may('operator') ? [{ title: t('letters.select'), plain: true, cell: (letter) => selection.box(letter) }] : [],
            {
                title: t('letter.id'),
                cell: (letter) => link(String(letter.id), ['dead-letters', letter.id]),
            },
            { title: t('field.at'), cell: (letter) => when(letter.at) },
            { title: t('queue.assistant'), cell: (letter) => letter.assistant },
            { title: t('letter.category'), cell: (letter) => label('category', letter.category) },
            {
                title: t('letter.conversation'),
                cell: (letter) => link(letter.contact_name ?? letter.conversation, ['conversations', letter.conversation]),
            },
            {
                title: t('letter.message'), wide: true,
                cell: (letter) => [
                    h('div', {}, letter.text ?? label('kind', letter.kind)), h('div', { class: 'muted' }, letter.error),
                ],
            },
            { title: t('letter.state'), cell: (letter) => badge('letter_state', letter.state) },
        ],
    });
}

/** What is chosen: some of the letters shown, or all that the filter means. */
class Selection {
    #ids = new Set();
    #isAll = false;
    #boxes = new Map();
    #status = h('span', { role: 'status' });

    constructor(filter, total, letters) {
        Object.assign(this, { filter, total, letters: letters.filter((letter) => letter.state === 'dead') });
    }

    box(letter) {
        const input = h('input', {
            type: 'checkbox', 'aria-label': t('letters.select.one', { id: letter.id }), disabled: letter.state !== 'dead',
            on: { change: () => this.#choose([letter.id], input.checked) },
        });
        this.#boxes.set(letter.id, input);
        return input;
    }

    toolbar(refresh) {
        this.#show();
        const button = (name, click, kind = null) => h('button', { type: 'button', class: kind, on: { click } }, name);
        const withSome = (action) => () => {
            if (this.#count > 0) action(this.#filter, this.#count, refresh);
        };
        return h('div', { class: 'toolbar', role: 'group', 'aria-label': t('letters.chosen.actions') },
            button(t('letters.select.page'), () => this.#choose(this.letters.map((letter) => letter.id), true)),
            button(tn('letters.select.all', this.total), () => {
                this.#isAll = true;
                this.#show();
            }),
            button(t('letters.select.none'), () => {
                this.#ids.clear();
                this.#isAll = false;
                this.#show();
            }),
            this.#status,
            button(t('replay.begin'), withSome(startReplay), 'primary'),
            may('admin') ? button(t('purge.begin'), withSome(purge), 'danger') : null);
    }

    get #count() {
        return this.#isAll ? this.total : this.#ids.size;
    }

    get #filter() {
        return this.#isAll ? wholeFilter(this.filter) : { ids: [...this.#ids] };
    }

    #choose(ids, isChosen) {
        // Somebody who takes one away no longer means all.
        if (this.#isAll) this.#ids = new Set(this.letters.map((letter) => letter.id));
        this.#isAll = false;
        for (const id of ids) {
            if (isChosen) this.#ids.add(id); else this.#ids.delete(id);
        }
        this.#show();
    }

    #show() {
        for (const [id, input] of this.#boxes) input.checked = !input.disabled && (this.#isAll || this.#ids.has(id));
        this.#status.textContent = tn('letters.chosen', this.#count);
    }
}
