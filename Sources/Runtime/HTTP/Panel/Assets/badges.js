// States in a word and a colour, never in a colour alone.

import { h } from './dom.js';
import { label } from './i18n.js';

const kinds = {
    healthy: 'good', degraded: 'warn', unhealthy: 'bad',
    closed: 'good', half_open: 'warn', open: 'bad',
    low: 'good', medium: 'good', high: 'warn', critical: 'bad',
    running: 'info', done: 'good', cancelled: 'warn',
    dead: 'bad', replaying: 'info',
    up: 'good', down: 'bad', paused: 'warn', active: 'good', held: 'warn',
    accepted: 'good', refused: 'bad', unknown: 'warn', sending: 'info', parked: 'warn',
};

export function badge(group, state) {
    return h('span', { class: `badge ${kinds[state] ?? 'plain'}` }, label(group, state));
}
