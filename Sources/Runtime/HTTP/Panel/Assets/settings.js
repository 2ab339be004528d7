// All settings: what counts now, where it comes from, what is allowed.

import { link } from './address.js';
import { get } from './api.js';
import { h, replace } from './dom.js';
import { field } from './form.js';
import { when } from './format.js';
import { label, t, tn } from './i18n.js';
import { live } from './live.js';
import { table } from './table.js';

export function settings(place) {
    const { root } = place;
    let known = { settings: [], not_in_force: [] };
    const list = h('div', { class: 'stack' });
    const search = field({ name: 'search', label: t('settings.search'), type: 'search' });
    const changed = field({ name: 'changed', label: t('settings.changed_only'), type: 'checkbox' });
    const all = field({ name: 'all', label: t('settings.all'), type: 'checkbox' });
    const input = (element) => element.querySelector('input');
    const show = () => replace(list, content(known, input(search).value.trim().toLowerCase(), input(changed).checked));
    input(search).addEventListener('input', show);
    input(changed).addEventListener('change', show);
    input(all).addEventListener('change', () => refresh());
    root.append(h('p', { class: 'muted' }, t('settings.purpose'), ' ', link(t('changes.title'), ['changes'])),
        h('search', { class: 'fields filter' }, search, changed, all), list);
    const load = (signal) => get('admin/settings', { all: input(all).checked ? 'true' : '' }, signal);
    const refresh = live(place, null, load, (found) => {
        known = found;
        show();
        return null;
    });
}

function content({ settings: all, not_in_force: refused }, wanted, isChangedOnly) {
    const rows = all.filter((setting) => (!isChangedOnly || setting.override)
        && (setting.path.toLowerCase().includes(wanted) || setting.summary.toLowerCase().includes(wanted)))
        .sort((a, b) => a.path.localeCompare(b.path));
    return [
        refused.length ? h('div', { class: 'notice warn' }, h('p', {}, t('settings.not_in_force')),
            h('ul', {}, refused.map((one) => h('li', {}, link(one.path, ['settings', one.path]), `: ${one.problem}`)))) : null,
        h('p', { class: 'muted', role: 'status' }, tn('settings.count', rows.length)),
        table({
            caption: t('settings.title'), isCaptionHidden: true, rows, key: (setting) => setting.path,
            empty: t('settings.none'),
            columns: [
                {
                    title: t('setting.path'), wide: true,
                    cell: (setting) => [
                        link(setting.path, ['settings', setting.path]),
                        h('div', { class: 'muted', lang: 'en' }, setting.summary),
                    ],
                },
                { title: t('setting.value'), cell: (setting) => value(setting) },
                {
                    title: t('setting.source'),
                    cell: (setting) => [label('source', setting.source ?? 'none'),
                        setting.override
                            ? h('div', { class: 'muted' }, setting.override.by, ' ', when(setting.override.at)) : null],
                },
                { title: t('setting.allowed'), cell: (setting) => h('span', { lang: 'en' }, setting.allowed) },
            ],
        }),
    ];
}

/** Of a setting, for people. Secrets are not told. */
export function value(setting) {
    if (setting.secret) return t('setting.secret');
    return setting.value === undefined ? '–' : h('code', { class: 'value' }, setting.value);
}
