// Asks how dead letters are to be put back: first what that would do, then whether.

import { go } from './address.js';
import { call } from './api.js';
import { h } from './dom.js';
import { ask, field, outcome, reasonField, values } from './form.js';
import { duration, number } from './format.js';
import { t, tn } from './i18n.js';
import { say } from './notice.js';
import { facts } from './table.js';

/** @param {Object} filter As the API's bodies have it. */
export async function startReplay(filter, count) {
    const found = outcome();
    const options = ({ rate, reset_retry_count, release, resend_in_doubt, reason }) => ({
        filter, reset_retry_count, release, resend_in_doubt, ...rate ? { rate: Number(rate) } : {}, ...reason ? { reason } : {},
    });
    const forecast = async (event) => {
        const form = event.target.form;
        try {
            const body = { ...options(values(form)), dry_run: true };
            const answer = await call('POST', 'admin/replays', { body });
            if (!form.elements.rate.value) form.elements.rate.value = answer.rate;
            found.show(forecastFacts(answer));
        } catch (error) {
            found.show(h('p', { class: 'error' }, error.message));
        }
    };
    let job = null;
    const isBegun = await ask({
        title: t('replay.ask'), action: t('replay.begin.now'),
        content: [
            h('p', {}, tn('letters.chosen', count)),
            field({
                name: 'rate',
                label: t('replay.rate'),
                hint: t('replay.rate.hint'),
                inputmode: 'decimal',
                pattern: '[0-9]+([.][0-9]+)?',
            }),
            field({ name: 'reset_retry_count', label: t('replay.reset'), type: 'checkbox', value: true }),
            field({ name: 'release', label: t('replay.release'), type: 'checkbox', hint: t('replay.release.hint') }),
            field({ name: 'resend_in_doubt', label: t('replay.resend'), type: 'checkbox', hint: t('replay.resend.hint') }),
            reasonField(),
            h('div', { class: 'row' }, h('button', { type: 'button', on: { click: forecast } }, t('replay.dry_run'))),
            found.element,
        ],
        submit: async (answers) => {
            job = await call('POST', 'admin/replays', { body: options(answers) });
        },
    });
    if (!isBegun) return;
    say(t('replay.begun', { id: job.id }));
    go(['replays', job.id]);
}

function forecastFacts(answer) {
    const some = (value) => (value ? number(value) : null);
    return h('div', { class: 'notice info stack' },
        h('p', {}, t('replay.forecast', {
            letters: tn('letters.count', answer.count), conversations: tn('pools.conversations', answer.conversations),
            time: duration(answer.seconds),
        })),
        facts(
            [t('replay.replies_only'), some(answer.replies_only)], [t('replay.held'), some(answer.held_conversations)],
            [t('replay.left_out_in_doubt'), some(answer.left_out_in_doubt)],
            [t('replay.left_out_timers'), some(answer.left_out_timers)]));
}
