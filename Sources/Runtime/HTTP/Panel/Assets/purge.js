// Deletes dead letters for good: only as many as were counted, and only after their number was typed.

import { call } from './api.js';
import { h } from './dom.js';
import { ask, field, reasonField } from './form.js';
import { number } from './format.js';
import { t, tn } from './i18n.js';
import { say } from './notice.js';

/** @param {function(): void} changed Called when they are gone. */
export async function purge(filter, chosen, changed) {
    let count = chosen;
    try {
        ({ count } = await call('POST', 'admin/dead-letters/purge', { body: { filter } }));
    } catch (error) {
        say(error.message, 'bad');
        return;
    }
    const isDone = await ask({
        title: t('purge.ask'), action: t('purge.now'), danger: true,
        content: [
            h('p', {}, tn('purge.meaning', count)),
            field({
                name: 'typed',
                label: t('purge.type', { count: String(count) }),
                required: true,
                inputmode: 'numeric',
                pattern: String(count),
            }),
            reasonField(),
        ],
        submit: ({ reason }) => call('POST', 'admin/dead-letters/purge', {
            body: { filter, count, ...reason ? { reason } : {} },
        }),
    });
    if (!isDone) return;
    say(t('purge.done', { count: number(count) }));
    changed();
}
