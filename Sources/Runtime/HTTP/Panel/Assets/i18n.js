// Words in the language of whoever reads them. A dictionary is a file; keys are the same in all of them.

const store = 'cardume.language';
export const languages = { 'pt-BR': 'Português', en: 'English' };

let dictionary = {};
let plurals = null;
export let language = 'en';

/** The one chosen before, else the browser's, else English. */
export function preferredLanguage() {
    const wanted = [localStorage.getItem(store), ...navigator.languages].filter(Boolean);
    for (const code of wanted) {
        if (code in languages) return code;
        const same = Object.keys(languages).find((known) => known.split('-')[0] === code.split('-')[0]);
        if (same) return same;
    }
    return 'en';
}

export async function useLanguage(code) {
    const answer = await fetch(`${code}.json`);
    dictionary = await answer.json();
    language = code;
    plurals = new Intl.PluralRules(code);
    document.documentElement.lang = code;
}

export async function chooseLanguage(code) {
    localStorage.setItem(store, code);
    await useLanguage(code);
}

/** The text of `key`, with `{name}` replaced by `values.name`. */
export function t(key, values = {}) {
    const text = dictionary[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
}

/** The same for a number of things: `key.one` or `key.other`, with `{n}`. */
export function tn(key, count, values = {}) {
    const form = plurals.select(count) === 'one' ? 'one' : 'other';
    return t(`${key}.${form}`, { n: new Intl.NumberFormat(language).format(count), ...values });
}

/** What people call `name`, one of a `group` that the program defines; `name` itself where it is new. */
export function label(group, name) {
    return dictionary[`${group}.${name}`] ?? name;
}
