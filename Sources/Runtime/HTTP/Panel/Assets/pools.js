// The scaling signal of a pool, in words.

import { h } from './dom.js';
import { duration, number } from './format.js';
import { label, t, tn } from './i18n.js';
import { facts } from './table.js';

export function poolCard(name, pool) {
    const excluded = Object.entries(pool.excluded).filter(([, part]) => part.conversations > 0);
    return h('article', { class: 'card', 'data-key': name },
        h('h3', {}, name),
        h('p', { class: 'verdict' }, verdict(pool)),
        h('p', { class: 'muted', lang: 'en' }, pool.verdict),
        facts(
            [
                t('pools.demand'),
                t('pools.of_slots', { demand: number(pool.demandSlots, 1), slots: number(pool.pods * pool.slotsPerPod) }),
            ],
            [
                t('pools.waiting'),
                tn('pools.messages', pool.waitingMessages, {
                    conversations: tn('pools.conversations', pool.waitingConversations),
                }),
            ],
            [t('pools.oldest'), duration(pool.oldestSeconds)],
            [t('pools.turn'), pool.meanTurnSeconds === undefined
                ? t('pools.assumed', { turn: duration(pool.assumedTurnSeconds) }) : duration(pool.meanTurnSeconds)],
            [t('pools.excluded'), excluded.length === 0 ? null : excluded.map(([reason, part]) =>
                h('div', {}, t('pools.excluded.line', {
                    reason: label('exclusion', reason), conversations: tn('pools.conversations', part.conversations),
                })))],
            [t('pools.unknown_pods'), pool.unknownPods.length ? pool.unknownPods.join(', ') : null]));
}

function verdict(pool) {
    const values = { from: number(pool.pods), to: number(pool.suggestedPods) };
    if (pool.suggestedPods > pool.pods) return t('pools.verdict.grow', values);
    if (pool.suggestedPods < pool.pods) return t('pools.verdict.spare', values);
    return tn('pools.verdict.enough', pool.pods);
}
