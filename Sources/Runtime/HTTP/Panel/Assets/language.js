// The choice of a language.

import { h, makeID } from './dom.js';
import { chooseLanguage, language, languages, t } from './i18n.js';

/** Told of each choice. */
export const languageChanges = new EventTarget();

export function languageChoice() {
    const id = makeID('language');
    return h('div', { class: 'language' },
        h('label', { for: id, class: 'visually-hidden' }, t('language')),
        h('select', {
            id, name: 'language', value: language,
            on: {
                change: async (event) => {
                    await chooseLanguage(event.target.value);
                    languageChanges.dispatchEvent(new Event('change'));
                },
            },
        }, Object.entries(languages).map(([code, name]) => h('option', { value: code, lang: code }, name))));
}
