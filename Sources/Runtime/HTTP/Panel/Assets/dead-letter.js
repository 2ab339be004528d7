// One dead letter, with everything that is known of it.

import { go, link } from './address.js';
import { get, segment } from './api.js';
import { badge } from './badges.js';
import { h } from './dom.js';
import { number, when } from './format.js';
import { label, t } from './i18n.js';
import { live } from './live.js';
import { purge } from './purge.js';
import { may } from './session.js';
import { startReplay } from './start-replay.js';
import { facts } from './table.js';

export function deadLetter(place) {
    const path = `admin/dead-letters/${segment(place.parameters.letter)}`;
    live(place, null, (signal) => get(path, {}, signal), (letter) => [
        h('div', { class: 'row' }, badge('letter_state', letter.state),
            may('operator') && letter.state === 'dead' ? h('button', {
                type: 'button', class: 'primary', on: { click: () => startReplay({ ids: [letter.id] }, 1) },
            }, t('replay.begin')) : null,
            may('admin') && letter.state === 'dead' ? h('button', {
                type: 'button', class: 'danger',
                on: { click: () => purge({ ids: [letter.id] }, 1, () => go(['dead-letters'])) },
            }, t('purge.begin')) : null),
        facts(
            [t('letter.conversation'), link(letter.conversation, ['conversations', letter.conversation])],
            [t('letter.contact'), letter.contact_name], [t('queue.assistant'), letter.assistant],
            [t('letter.category'), link(label('category', letter.category), ['dead-letters'], { category: letter.category })],
            [t('letter.fingerprint'), link(letter.fingerprint, ['dead-letters'], { fingerprint: letter.fingerprint })],
            [t('letter.attempts'), number(letter.attempts)], [t('letter.replays'), number(letter.replays)],
            [t('letter.received'), when(letter.received_at)], [t('letter.given_up'), when(letter.at)],
            [t('letter.kind'), label('kind', letter.kind)], [t('letter.message_id'), h('code', {}, letter.message_id)],
            [t('field.trace'), h('code', {}, letter.trace_id)]),
        h('section', {}, h('h2', {}, t('letter.error')),
            h('pre', { tabindex: '0', 'aria-label': t('letter.error') }, letter.error)),
        letter.text ? h('section', {}, h('h2', {}, t('letter.message')), h('blockquote', {}, letter.text)) : null,
    ]);
}
