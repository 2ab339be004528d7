// Pauses a queue, or ends its pause.

import { call, segment } from './api.js';
import { h } from './dom.js';
import { ask, lifetimeField, reasonField } from './form.js';
import { t } from './i18n.js';
import { say } from './notice.js';

/** @param {function(): void} changed Called when it is done. */
export function pauseButton(queue, changed) {
    const action = queue.paused ? 'resume' : 'pause';
    const name = queue.paused ? t('queue.resume') : t('queue.pause');
    return h('button', {
        type: 'button', 'aria-label': `${name}: ${queue.queue}`,
        on: {
            click: async () => {
                const isDone = await ask({
                    title: `${name}: ${queue.queue}`, action: name,
                    content: [
                        h('p', {}, queue.paused ? t('queue.resume.meaning') : t('queue.pause.meaning')),
                        queue.paused ? null : lifetimeField(), reasonField(),
                    ].filter(Boolean),
                    submit: (answers) => call('POST', `admin/queues/${segment(queue.queue)}/${action}`, { body: answers }),
                });
                if (!isDone) return;
                say(queue.paused ? t('queue.resumed', { queue: queue.queue }) : t('queue.paused', { queue: queue.queue }));
                changed();
            },
        },
    }, name);
}
