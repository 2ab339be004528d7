// Where the page is. Dialogs are beside it: what is asked in one stays when the page is made anew.

import { h } from './dom.js';

const element = h('div', { id: 'app' });

export function root() {
    if (!element.isConnected) document.body.prepend(element);
    return element;
}
