// Addresses within the panel.

import { h } from './dom.js';

/** @param {Object} query Empty values are left out. */
export function address(parts, query = {}) {
    const fields = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '' && value != null));
    return `#/${parts.map(encodeURIComponent).join('/')}${fields.size ? `?${fields}` : ''}`;
}

/** Shows it anew when it is shown already. */
export function go(parts, query) {
    const wanted = address(parts, query);
    if (location.hash === wanted) {
        window.dispatchEvent(new Event('hashchange'));
    } else {
        location.hash = wanted;
    }
}

export function link(text, parts, query) {
    return h('a', { href: address(parts, query) }, text);
}
