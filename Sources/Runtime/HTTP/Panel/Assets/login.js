// The way in: as a page at first, as a dialog over the page when a login ends, so that nothing typed is lost.

import { logIn, useToken } from './api.js';
import { h, makeID, replace } from './dom.js';
import { field, form } from './form.js';
import { duration } from './format.js';
import { t } from './i18n.js';
import { languageChoice } from './language.js';
import { root } from './root.js';

/** @param {function(): void} entered Called once somebody is known. */
export function loginPage(entered) {
    replace(root(),
        h('main', { class: 'login', id: 'main' },
            h('img', { src: 'icon.svg', alt: '', width: 48, height: 48 }),
            h('h1', {}, 'Cardume'), h('p', { class: 'muted' }, t('login.purpose')),
            h('div', { class: 'card stack' }, ways(entered)), languageChoice()));
    document.querySelector('input').focus();
}

/**
 * @param {function(): void} logOut
 * @returns {Promise<boolean>} Whether somebody is known again.
 */
export function loginDialog(logOut) {
    return new Promise((resolve) => {
        let isKnown = false;
        const id = makeID('login');
        const dialog = h('dialog', {
            'aria-labelledby': id,
            on: {
                // There is no way around it but out.
                cancel: (event) => event.preventDefault(),
                close: () => {
                    dialog.remove();
                    resolve(isKnown);
                },
            },
        }, h('h2', { id }, t('login.again')), h('p', {}, t('login.again.hint')),
        ways(() => {
            isKnown = true;
            dialog.close();
        }),
        h('div', { class: 'row' }, h('button', {
            type: 'button',
            on: {
                click: () => {
                    dialog.close();
                    logOut();
                },
            },
        }, t('shell.log_out'))));
        document.body.append(dialog);
        dialog.showModal();
    });
}

function ways(entered) {
    const byPassword = form({
        action: t('login.enter'),
        submit: async ({ user = '', password = '' }) => {
            await said(logIn(user, password));
            entered();
        },
    },
    field({
        name: 'user',
        label: t('login.user'),
        autocomplete: 'username',
        required: true,
        maxlength: 100,
        autocapitalize: 'none',
    }),
    field({
        name: 'password', label: t('login.password'), type: 'password', autocomplete: 'current-password', required: true,
    }));
    const byToken = form({
        action: t('login.use_token'),
        submit: async ({ token, operator }) => {
            await said(useToken(token, operator ?? null));
            entered();
        },
    },
    field({ name: 'token', label: t('login.token'), type: 'password', required: true }),
    field({ name: 'operator', label: t('login.operator'), hint: t('login.operator.hint'), maxlength: 100 }));
    return [byPassword, h('details', {}, h('summary', {}, t('login.by_token')), byToken)];
}

/** In the user's own words, where it is clear what the matter is. */
async function said(attempt) {
    try {
        await attempt;
    } catch (error) {
        if (error.status === 401) throw new Error(t('login.wrong'));
        if (error.status === 429) throw new Error(t('login.too_many', { wait: duration(error.retryAfter ?? 60) }));
        throw error;
    }
}
