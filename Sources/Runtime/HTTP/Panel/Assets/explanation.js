// Why a conversation waits.

import { h } from './dom.js';
import { when } from './format.js';
import { label, t } from './i18n.js';
import { facts } from './table.js';

/** @param {Object} why The answer of `…/explain`. */
export function explanation(why) {
    const obstacle = why.waits_for;
    const state = obstacle
        ? t('explain.waits', { cause: label('cause', obstacle.cause) }) : label('conversation_state', why.state);
    return h('section', { class: 'card' }, h('h2', {}, t('explain.title')),
        h('p', { class: 'verdict', role: 'status' }, state,
            obstacle?.until ? [' ', t('explain.until'), ' ', when(obstacle.until)] : null),
        why.text === state ? null : h('p', { class: 'muted', lang: 'en' }, why.text),
        facts(
            [t('explain.owner'), why.owner ? h('code', {}, why.owner) : null],
            [t('explain.messages'), why.messages || null], [t('explain.ahead'), obstacle?.ahead],
            [t('explain.running'), why.run ? [when(why.run.since), ` (${t('turn.attempt')} ${why.run.attempt})`] : null]));
}
