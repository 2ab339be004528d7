// Fields with their labels, and dialogs that ask before something is done.

import { h, makeID, replace } from './dom.js';
import { t } from './i18n.js';

/**
 * A labelled input.
 *
 * @param {{name: string, label: string, type: ?string, value: ?string, hint: ?string, options: ?Array<[string, string]>}} field
 *     `options` (value and text) make it a choice; other members become attributes.
 */
export function field({ name, label, type = 'text', value = '', hint = null, options = null, ...attributes }) {
    const id = makeID(name);
    const described = hint ? { 'aria-describedby': `${id}-hint` } : {};
    const common = { id, name, ...described, ...attributes };
    if (type === 'checkbox') {
        return h('div', { class: 'field check' },
            h('input', { ...common, type, checked: value === true }), h('label', { for: id }, label),
            hint ? h('p', { id: `${id}-hint`, class: 'hint' }, hint) : null);
    }
    const input = options
        ? h('select', { ...common, value }, options.map(([option, text]) => h('option', { value: option }, text)))
        : h('input', { autocomplete: 'off', ...common, type, value });
    return h('div', { class: 'field' }, h('label', { for: id }, label), input,
        hint ? h('p', { id: `${id}-hint`, class: 'hint' }, hint) : null);
}

export const reasonField = () => field({
    name: 'reason', label: t('field.reason'), hint: t('field.reason.hint'), maxlength: 500,
});

export const lifetimeField = () => field({ name: 'expires_in', label: t('field.expires'), hint: t('field.expires.hint') });

/** What a form holds: texts without spaces around them, and whether boxes are checked. Empty texts are left out. */
export function values(form) {
    const found = {};
    for (const input of form.elements) {
        if (!input.name) continue;
        if (input.type === 'checkbox') {
            found[input.name] = input.checked;
        } else if (input.value.trim() !== '') {
            found[input.name] = input.type === 'password' ? input.value : input.value.trim();
        }
    }
    return found;
}

/**
 * A form whose errors are shown where it is, with what was typed still there.
 *
 * @param {{action: string, danger: ?boolean, extra: ?Array, submit: function(Object): Promise}} options `extra` is put beside
 *     the button.
 */
export function form({ action, danger = false, extra = [], submit, ...attributes }, ...content) {
    const message = h('p', { class: 'error', role: 'alert' });
    const button = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, action);
    const element = h('form', {
        novalidate: true, ...attributes,
        on: {
            submit: async (event) => {
                event.preventDefault();
                if (!element.reportValidity() || button.disabled) return;
                button.disabled = true;
                message.textContent = '';
                try {
                    await submit(values(element));
                } catch (error) {
                    if (error.name === 'AbortError') return;
                    message.textContent = error.message;
                } finally {
                    button.disabled = false;
                }
            },
        },
    }, ...content, message, h('div', { class: 'row' }, button, extra));
    return element;
}

/**
 * Asks in a dialog. The focus goes back to where it was.
 *
 * @param {{title: string, action: string, danger: ?boolean, content: Array, submit: function(Object): Promise}} question The
 *     dialog closes when `submit` has succeeded.
 * @returns {Promise<boolean>} Whether it did.
 */
export function ask({ title, action, danger = false, content, submit }) {
    const before = document.activeElement;
    return new Promise((resolve) => {
        let isDone = false;
        const id = makeID('dialog');
        const cancel = h('button', { type: 'button', on: { click: () => dialog.close() } }, t('action.cancel'));
        const asked = form({
            action, danger, extra: [cancel],
            submit: async (answers) => {
                await submit(answers);
                isDone = true;
                dialog.close();
            },
        }, ...content);
        const dialog = h('dialog', {
            'aria-labelledby': id,
            on: {
                close: () => {
                    dialog.remove();
                    if (before?.isConnected) before.focus();
                    resolve(isDone);
                },
            },
        }, h('h2', { id }, title), asked);
        document.body.append(dialog);
        dialog.showModal();
    });
}

/** A place in a form for what is found out while it is open. */
export function outcome() {
    const element = h('div', { class: 'outcome', 'aria-live': 'polite' });
    return { element, show: (...children) => replace(element, ...children) };
}
