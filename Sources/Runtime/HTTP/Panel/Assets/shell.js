// What is around every view: the name, the navigation, who is there.

import { address } from './address.js';
import { h, replace } from './dom.js';
import { label, t } from './i18n.js';
import { languageChoice } from './language.js';
import { noticeRegion } from './notice.js';
import { root } from './root.js';
import { sections } from './routes.js';
import { may, session } from './session.js';

/** Puts it around `main`. */
export function shell(main, logOut) {
    const navigation = h('nav', { id: 'navigation', 'aria-label': t('shell.navigation') },
        h('ul', {}, sections.filter((section) => !section.role || may(section.role)).map((section) => h('li', {},
            h('a', { href: address(section.path ? [section.path] : []), 'data-section': section.section, on: { click: close } },
                t(section.title))))));
    const menu = h('button', {
        type: 'button', class: 'menu', 'aria-expanded': 'false', 'aria-controls': 'navigation',
        on: { click: () => setOpen(menu.getAttribute('aria-expanded') !== 'true') },
    }, t('shell.menu'));

    function setOpen(isOpen) {
        menu.setAttribute('aria-expanded', String(isOpen));
        document.body.classList.toggle('menu-open', isOpen);
    }

    function close() {
        setOpen(false);
    }

    setOpen(false);
    const { name, role } = session();
    replace(root(),
        h('a', {
            class: 'skip', href: '#main',
            on: {
                // The address names a view; this is a place in it.
                click: (event) => {
                    event.preventDefault();
                    main.focus();
                },
            },
        }, t('shell.skip')),
        h('header', {},
            h('a', { class: 'brand', href: '#/' }, h('img', { src: 'icon.svg', alt: '', width: 28, height: 28 }), 'Cardume'),
            menu,
            h('div', { class: 'who' },
                h('span', { class: 'user' }, h('b', {}, name), ' ', h('span', { class: 'muted' }, label('role', role))),
                languageChoice(),
                h('button', { type: 'button', class: 'plain', on: { click: logOut } }, t('shell.log_out')))),
        navigation, main, noticeRegion);
}

/** Says where in the navigation the view is. */
export function mark(found) {
    for (const link of document.querySelectorAll('nav a')) {
        if (link.dataset.section === found?.route.section) {
            link.setAttribute('aria-current', 'page');
        } else {
            link.removeAttribute('aria-current');
        }
    }
}
