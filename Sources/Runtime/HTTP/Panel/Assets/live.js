// Views that keep themselves up to date.

import { h, update } from './dom.js';
import { clock } from './format.js';
import { t } from './i18n.js';

/** After a failure, where nothing else says when to try again. */
const patience = 5_000;

/**
 * Loads and shows until the view is left. Pauses while the page is hidden.
 *
 * @param {{root: Element, signal: AbortSignal}} place
 * @param {?number} period Milliseconds; `null` for once, until `refresh` is called.
 * @param {function(AbortSignal): Promise} load
 * @param {function(*): Array} render What is to be seen of what was loaded.
 * @returns {function(): void} Loads again at once.
 */
export function live({ root, signal }, period, load, render) {
    const box = h('div', { class: 'stack' }, h('p', { class: 'muted' }, t('live.loading')));
    root.append(box);
    let wake = () => {};
    let isWanted = false;
    let latest = null;
    const refresh = () => {
        isWanted = true;
        wake();
    };

    async function once() {
        try {
            latest = { data: await load(signal), at: new Date(), problem: null };
        } catch (error) {
            if (signal.aborted) return;
            if (!('status' in error)) console.error(error);
            latest = { data: latest?.data, at: latest?.at, problem: error.message };
        }
        if (signal.aborted) return;
        update(box, latest.problem ? problem(latest, refresh) : null, latest.data === undefined ? null : render(latest.data));
    }

    (async () => {
        while (!signal.aborted) {
            await visible(signal);
            if (signal.aborted) return;
            isWanted = false;
            await once();
            if (!isWanted) await pause(period ?? (latest?.problem ? patience : null), signal, (end) => { wake = end; });
        }
    })();
    return refresh;
}

/** Ends after `milliseconds`, with `signal`, or by what `wake` is handed. */
function pause(milliseconds, signal, wake) {
    return new Promise((resolve) => {
        const timer = milliseconds === null ? null : setTimeout(() => end(), milliseconds);
        const end = () => {
            clearTimeout(timer);
            signal.removeEventListener('abort', end);
            resolve();
        };
        signal.addEventListener('abort', end);
        wake(end);
    });
}

function problem({ at, problem: text }, retry) {
    return h('div', { class: 'notice bad', role: 'alert', 'data-key': 'problem' },
        h('p', {}, at ? t('live.stale', { time: clock(at) }) : t('live.failed'), ' ', h('span', {}, text)),
        h('button', { type: 'button', on: { click: retry } }, t('action.retry')));
}

function visible(signal) {
    if (!document.hidden) return Promise.resolve();
    return new Promise((resolve) => {
        const look = () => {
            if (document.hidden && !signal.aborted) return;
            document.removeEventListener('visibilitychange', look);
            resolve();
        };
        document.addEventListener('visibilitychange', look);
        signal.addEventListener('abort', look, { once: true });
    });
}
