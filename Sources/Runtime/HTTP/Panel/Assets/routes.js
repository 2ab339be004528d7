// Which address shows what.

import { audit } from './audit.js';
import { changes } from './changes.js';
import { conversation } from './conversation.js';
import { conversations } from './conversations.js';
import { deadLetter } from './dead-letter.js';
import { deadLetters } from './dead-letters.js';
import { errors } from './errors.js';
import { gateways } from './gateways.js';
import { overview } from './overview.js';
import { queue } from './queue.js';
import { queues } from './queues.js';
import { replay } from './replay.js';
import { replays } from './replays.js';
import { setting } from './setting.js';
import { settings } from './settings.js';
import { usage } from './usage.js';

/** Paths after `#/`; `:name` stands for what varies. `section` is the navigation's entry, `title` a key of the dictionaries. */
const routes = [
    { path: '', section: '', title: 'overview.title', view: overview },
    { path: 'queues', section: 'queues', title: 'queues.title', view: queues },
    { path: 'queues/:queue', section: 'queues', title: 'queue.title', view: queue },
    { path: 'dead-letters', section: 'dead-letters', title: 'letters.title', view: deadLetters },
    { path: 'dead-letters/:letter', section: 'dead-letters', title: 'letter.title', view: deadLetter },
    { path: 'replays', section: 'replays', title: 'replays.title', view: replays },
    { path: 'replays/:replay', section: 'replays', title: 'replay.title', view: replay },
    { path: 'conversations', section: 'conversations', title: 'conversations.title', view: conversations },
    { path: 'conversations/:conversation', section: 'conversations', title: 'conversation.title', view: conversation },
    { path: 'gateways', section: 'gateways', title: 'gateways.title', view: gateways },
    { path: 'settings', section: 'settings', title: 'settings.title', view: settings },
    { path: 'settings/:path', section: 'settings', title: 'setting.title', view: setting },
    { path: 'changes', section: 'settings', title: 'changes.title', view: changes },
    { path: 'usage', section: 'usage', title: 'usage.title', view: usage },
    { path: 'errors', section: 'errors', title: 'errors.title', view: errors },
    { path: 'audit', section: 'audit', title: 'audit.title', view: audit, role: 'admin' },
];

/** What the navigation offers, in its order. */
export const sections = routes.filter((route) => route.path === route.section);

/** @returns {?{route: Object, parameters: Object, query: URLSearchParams}} `null` for an address that means nothing. */
export function find(hash) {
    const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
    const parts = path.split('/');
    for (const route of routes) {
        const wanted = route.path.split('/');
        if (wanted.length !== parts.length) continue;
        const parameters = {};
        const isSame = wanted.every((want, index) => {
            if (!want.startsWith(':')) return want === parts[index];
            parameters[want.slice(1)] = decode(parts[index]);
            return parts[index] !== '';
        });
        if (isSame) return { route, parameters, query: new URLSearchParams(query) };
    }
    return null;
}

function decode(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}
