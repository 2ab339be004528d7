// What the overview's charts show: rates from figures that only grow, kept for as long as the page is open.

const span = 5 * 60_000;
/** Errors are a share of the turns of so long. */
const errorSpan = 60_000;
/** With more between two samples nothing is known of what was there. */
const patience = 10_000;

export class TrafficHistory {
    #points = [];
    #latest = null;

    /** Those of the latest minutes. A figure that is not known is `null`. */
    get points() {
        return this.#points;
    }

    get span() {
        return span;
    }

    /**
     * @param {Object} overview The answer of `/admin/overview`.
     * @param {Object} traffic That of `/admin/traffic`, asked at the same time.
     * @param {number} at Milliseconds.
     */
    add(overview, traffic, at) {
        const depth = sum(overview.queues, (queue) => queue.depth);
        const assistants = new Map(overview.queues.map((queue) => [queue.assistant, queue]));
        const flight = sum([...assistants.values()], (queue) => queue.running);
        const before = this.#latest && at - this.#latest.at < patience ? this.#latest : null;
        const rates = before && growth(before.traffic, traffic);
        const inflow = rates && rates.finished + (depth - before.depth) / ((at - before.at) / 1_000);
        if (this.#latest && !before) this.#points.push({ at: at - 1 });
        this.#points.push({
            at, flight, waiting: Math.max(0, depth - flight),
            inflow: rates ? Math.max(0, inflow) : null,
            replies: rates ? rates.replies : null,
            oldest: Math.max(0, ...overview.queues.map((queue) => queue.oldest_seconds ?? 0)),
            turns: rates?.turns, failed: rates?.failed_turns,
        });
        this.#points = this.#points.filter((point) => at - point.at <= span);
        this.#points.at(-1).errors = this.#errors(at);
        this.#latest = { at, depth, traffic };
    }

    /** The share of turns that failed lately; `null` when there were none. */
    #errors(at) {
        const recent = this.#points.filter((point) => at - point.at <= errorSpan);
        const turns = sum(recent, (point) => point.turns ?? 0);
        return turns > 0 ? sum(recent, (point) => point.failed ?? 0) / turns : null;
    }
}

/** By how much each figure grows in a second, of all processes that were there before; `null` where nothing is counted. */
function growth(before, now) {
    const known = new Map(before.processes.map((process) => [process.process + process.started_at, process]));
    const rates = { finished: 0, replies: 0, turns: 0, failed_turns: 0 };
    let isKnown = false;
    for (const process of now.processes) {
        const earlier = known.get(process.process + process.started_at);
        if (!earlier?.traffic || !process.traffic) continue;
        const seconds = (Date.parse(process.at) - Date.parse(earlier.at)) / 1_000;
        if (seconds <= 0) continue;
        isKnown = true;
        for (const name of Object.keys(rates)) rates[name] += (process.traffic[name] - earlier.traffic[name]) / seconds;
    }
    return isKnown ? rates : null;
}

function sum(items, figure) {
    return items.reduce((total, item) => total + figure(item), 0);
}
