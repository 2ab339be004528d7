// What has happened, said once: read out by screen readers, and seen for a while.

import { h } from './dom.js';
import { t } from './i18n.js';

const patience = 8_000;
const region = h('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });

export const noticeRegion = region;

/** @param {'good'|'bad'} kind What is bad stays until it is closed. */
export function say(text, kind = 'good') {
    const close = h('button', {
        type: 'button', class: 'plain', 'aria-label': t('action.close'), on: { click: () => note.remove() },
    }, '×');
    const note = h('div', { class: `notice ${kind}` }, h('p', {}, text), close);
    region.append(note);
    if (kind === 'good') setTimeout(() => note.remove(), patience);
}
