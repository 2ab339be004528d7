// One setting: its value, a change of it, and the changes so far.

import { call, get, segment } from './api.js';
import { changeColumns } from './changes.js';
import { h } from './dom.js';
import { ask, field, form, lifetimeField, reasonField } from './form.js';
import { when } from './format.js';
import { label, t } from './i18n.js';
import { live } from './live.js';
import { say } from './notice.js';
import { value } from './settings.js';
import { may } from './session.js';
import { facts, table } from './table.js';

/** Changes that are shown. */
const most = 50;

export function setting(place) {
    const { root, parameters } = place;
    const path = `admin/settings/${segment(parameters.path)}`;
    // Beside what is loaded anew: what is being typed stays.
    const change = h('div');
    const refresh = () => {
        refreshState();
        refreshHistory();
    };
    const refreshState = live(place, null, (signal) => get(path, {}, signal), (state) => {
        const isOffered = may('operator') && state.live && !state.secret;
        if (isOffered && !change.hasChildNodes()) change.append(changeForm(state, path, refresh));
        return current(state, path, refresh);
    });
    root.append(change);
    const load = (signal) => get('admin/settings/history', { path: parameters.path, limit: most }, signal);
    const refreshHistory = live(place, null, load, ({ changes }) => history(changes));
}

function current(state, path, refresh) {
    const { override } = state;
    return h('section', { class: 'card stack' },
        h('p', { lang: 'en' }, state.summary),
        facts(
            [t('setting.value'), value(state)], [t('setting.source'), label('source', state.source ?? 'none')],
            [t('setting.allowed'), h('span', { lang: 'en' }, state.allowed)],
            [t('setting.configured'), state.configured === undefined ? null : h('code', { class: 'value' }, state.configured)],
            [t('setting.default'), state.default === undefined ? null : h('code', { class: 'value' }, state.default)],
            [t('setting.live'), state.live ? t('answer.yes') : t('setting.restart')],
            [t('setting.override_by'), override && [override.by, ' ', when(override.at)]],
            [t('setting.expires'), override?.expires_at && when(override.expires_at)],
            [t('field.reason'), override?.reason],
            [t('settings.not_in_force'), state.not_in_force?.problem]),
        (override || state.not_in_force) && may('operator') ? h('div', { class: 'row' }, h('button', {
            type: 'button', on: { click: () => unset(state, path, refresh) },
        }, t('setting.unset'))) : null);
}

async function unset(state, path, refresh) {
    const isDone = await ask({
        title: `${t('setting.unset')}: ${state.path}`, action: t('setting.unset'),
        content: [h('p', {}, t('setting.unset.meaning')), reasonField()],
        submit: ({ reason }) => call('DELETE', path, { query: { reason } }),
    });
    if (!isDone) return;
    say(t('setting.changed', { path: state.path }));
    refresh();
}

function changeForm(state, path, refresh) {
    const choices = optionsOf(state.allowed);
    const first = state.value ?? '';
    return form({
        action: t('setting.change'), class: 'card', 'aria-label': t('setting.change'),
        submit: async (answers) => {
            const { change } = await call('PUT', path, { body: { value: '', ...answers } });
            say(change ? t('setting.changed', { path: state.path }) : t('setting.unchanged', { path: state.path }));
            refresh();
        },
    },
    h('h2', {}, t('setting.change')),
    h('div', { class: 'fields' },
        field(choices
            ? { name: 'value', label: t('setting.new'), value: first, options: choices.map((choice) => [choice, choice]) }
            : { name: 'value', label: t('setting.new'), value: first, hint: state.allowed }),
        lifetimeField(), reasonField()));
}

/** The values that a setting may have, where they can be counted. */
function optionsOf(allowed) {
    if (allowed === 'true or false') return ['true', 'false'];
    const isList = !/^(text$|http or https|integer,|number,|duration,|name of )/.test(allowed);
    return isList ? allowed.split(', ') : null;
}

function history(changes) {
    return table({
        caption: t('setting.history'), rows: changes, key: (change) => change.id, empty: t('changes.none'),
        columns: changeColumns().filter((column) => column.name !== 'path'),
    });
}
