import CardumeCore
import CardumeRuntime
import Foundation

extension TopFigures {
    /// - Parameter before: an earlier reading, to make rates of; `nil` for none.
    init(_ now: TopReading, since before: TopReading?) {
        let growth = before.flatMap { MetricGrowth(now, since: $0) }
        self.init(
            at: Date(timeIntervalSince1970: Double(now.time.milliseconds) / 1_000).formatted(.iso8601),
            windowSeconds: growth?.seconds, problems: now.problems)
        let fleet = Fleet(now.processes.compactMap(\.figures))
        self.totals = Self.totals(now, fleet, growth)
        let earlier = before.map { Fleet($0.processes.compactMap(\.figures)) }
        self.queues = Self.queues(now, fleet, earlier, growth)
        self.slots = Self.slots(fleet)
        self.gateways = Self.gateways(fleet, growth)
        self.breakers = Self.breakers(fleet)
        self.endpoints = Self.endpoints(fleet)
        self.budgets = Self.budgets(fleet, growth)
        self.latencies = growth.map(Self.latencies) ?? []
        self.failures = Self.failures(fleet, growth)
        self.topErrors = (now.errors?.top_errors ?? []).map { error in
            TopError(
                fingerprint: error.fingerprint, count: error.count, conversations: error.conversations,
                lastAt: error.last_at, exampleID: error.example_id)
        }
        self.pools = (now.pools ?? [:]).sorted { $0.key < $1.key }.map { name, pool in
            Pool(
                pool: name, demandSlots: pool.demandSlots, slots: pool.pods * pool.slotsPerPod,
                waitingMessages: pool.waitingMessages, oldestSeconds: pool.oldestSeconds, pods: pool.pods,
                suggestedPods: pool.suggestedPods, verdict: pool.verdict)
        }
        self.processes = now.processes.map { Self.process($0, growth) }
    }

    /// The pages of all processes that answered.
    private struct Fleet {
        let pages: [MetricFigures]

        init(_ pages: [MetricFigures]) { self.pages = pages }

        /// Of figures that speak of one process: the sum, by the values of `labels`.
        func sums(_ name: String, by labels: [String]) -> [[String]: Double] { self.combined(name, labels, +) }

        /// Of figures that speak of the whole deployment, and of the worst one.
        func highest(_ name: String, by labels: [String]) -> [[String]: Double] { self.combined(name, labels, max) }

        private func combined(
            _ name: String, _ labels: [String], _ combine: (Double, Double) -> Double
        ) -> [[String]: Double] {
            var result: [[String]: Double] = [:]
            for page in self.pages {
                for (series, value) in page[name] {
                    let key = labels.map { series[$0] ?? "" }
                    result[key] = result[key].map { combine($0, value) } ?? value
                }
            }
            return result
        }
    }

    private static func totals(_ now: TopReading, _ fleet: Fleet, _ growth: MetricGrowth?) -> Totals {
        var totals = Totals()
        totals.loadLevel =
            fleet.pages.compactMap { $0.state("cardume_overall_load_level", "level") }
            .compactMap(LoadLevel.init).max()?.rawValue
        let depths = fleet.highest("cardume_queue_depth", by: ["assistant", "lane"])
        totals.depth = depths.isEmpty ? nil : depths.values.reduce(0, +)
        let inFlight = fleet.highest("cardume_turns_in_flight", by: ["assistant"])
        totals.inFlight = inFlight.isEmpty ? nil : inFlight.values.reduce(0, +)
        let roles = Set(fleet.pages.flatMap { $0["cardume_build_info"].keys.map { $0["role"] ?? "" } })
        if let growth, !roles.isDisjoint(with: ["run", "gateway"]) {
            totals.receivedPerSecond = growth.rate("cardume_messages_received_total") { $0["outcome"] != "duplicate" }
        }
        if let growth, !roles.isDisjoint(with: ["run", "worker"]) {
            totals.finishedPerSecond = growth.rate("cardume_messages_finished_total")
            totals.repliesPerSecond = growth.rate("cardume_replies_total") { $0["outcome"] == "accepted" }
            totals.retriesPerSecond = growth.rate("cardume_turn_retries_total")
            totals.deadLettersPerSecond = growth.rate("cardume_dead_letters_total")
        }
        totals.deadLetters = now.overview?.dead_letters.total
        totals.deadLettersLatestHour = now.overview?.dead_letters.latest_hour
        totals.runningReplays = now.overview?.running_replays
        return totals
    }

    private static func queues(
        _ now: TopReading, _ fleet: Fleet, _ before: Fleet?, _ growth: MetricGrowth?
    ) -> [Queue] {
        let finished = growth?.growth("cardume_messages_finished_total", by: ["assistant"])
        let depths = Self.depths(fleet)
        let earlier = before.map(Self.depths)
        /// In and out, in a second.
        func flow(_ assistant: String) -> (Double?, Double?) {
            guard let growth, let finished else { return (nil, nil) }
            let out = finished[[assistant]] ?? 0
            guard let depth = depths[assistant], let old = earlier?[assistant] else { return (nil, out / growth.seconds) }
            return (max(0, out + depth - old) / growth.seconds, out / growth.seconds)
        }
        if let queues = now.overview?.queues {
            return queues.map { queue in
                let isFirst = queue.lane == Lane.light.rawValue
                let rates: (Double?, Double?) = isFirst ? flow(queue.assistant) : (nil, nil)
                return Queue(
                    queue: queue.queue, assistant: queue.assistant, depth: Double(queue.depth),
                    oldestSeconds: queue.oldest_seconds, running: isFirst ? Double(queue.running) : nil,
                    waiting: isFirst ? Double(queue.waiting) : nil, processes: queue.members, inPerSecond: rates.0,
                    outPerSecond: rates.1, paused: queue.paused)
            }
        }
        let oldest = fleet.highest("cardume_oldest_message_seconds", by: ["assistant", "lane"])
        let running = fleet.sums("cardume_slots_in_use", by: ["assistant"])
        let waiting = fleet.sums("cardume_slots_waiting", by: ["assistant"])
        let paused = fleet.highest("cardume_assistant_paused", by: ["assistant"])
        return fleet.highest("cardume_queue_depth", by: ["assistant", "lane"]).map { key, depth in
            let (assistant, lane) = (key[0], key[1])
            let isFirst = lane == Lane.light.rawValue
            let rates: (Double?, Double?) = isFirst ? flow(assistant) : (nil, nil)
            return Queue(
                queue: isFirst ? assistant : "\(assistant)@\(lane)", assistant: assistant, depth: depth,
                oldestSeconds: oldest[key].flatMap { $0 > 0 ? $0 : nil }, running: isFirst ? running[[assistant]] : nil,
                waiting: isFirst ? waiting[[assistant]] : nil, processes: nil, inPerSecond: rates.0, outPerSecond: rates.1,
                paused: paused[[assistant]] == 1)
        }
    }

    /// By assistant, all its lanes together.
    private static func depths(_ fleet: Fleet) -> [String: Double] {
        fleet.highest("cardume_queue_depth", by: ["assistant", "lane"])
            .reduce(into: [:]) { $0[$1.key[0], default: 0] += $1.value }
    }

    private static func slots(_ fleet: Fleet) -> [Slots] {
        let both = ["assistant", "lane"]
        let waiting = fleet.sums("cardume_slots_waiting", by: both)
        let limits = fleet.sums("cardume_slots_limit", by: ["assistant"])
        let laneLimits = fleet.sums("cardume_lane_slots_limit", by: both)
        let adaptive = fleet.sums("cardume_adaptive_limit", by: both)
        let baselines = fleet.highest("cardume_adaptive_baseline_seconds", by: both)
        let latencies = fleet.highest("cardume_adaptive_latency_seconds", by: both)
        let paused = fleet.highest("cardume_assistant_paused", by: ["assistant"])
        return fleet.sums("cardume_slots_in_use", by: both).compactMap { key, inUse in
            let limit = laneLimits[key] ?? limits[[key[0]]]
            let isIdle = inUse == 0 && waiting[key] ?? 0 == 0 && adaptive[key] ?? limit == limit
            // Of an assistant's lanes without work, one is enough.
            guard !isIdle || key[1] == Lane.light.rawValue else { return nil }
            return Slots(
                assistant: key[0], lane: key[1], inUse: inUse, waiting: waiting[key] ?? 0,
                limit: limit, adaptiveLimit: adaptive[key], baselineSeconds: baselines[key],
                latencySeconds: latencies[key], paused: paused[[key[0]]] == 1)
        }
    }

    private static func gateways(_ fleet: Fleet, _ growth: MetricGrowth?) -> [Gateway] {
        let both = ["channel", "server"]
        let (name, sends) = ("cardume_gateway_server_up", "cardume_send_attempts_total")
        let all = growth?.growth(sends, by: both)
        let failures = growth?.growth(sends, by: both) { $0["outcome"] != "accepted" }
        let shares = fleet.sums("cardume_gateway_server_share", by: both)
        return fleet.sums(name, by: both).map { key, up in
            let count = fleet.pages.count { page in page[name].contains { series in both.map { series.key[$0] ?? "" } == key } }
            func rate(_ counts: [[String]: Double]?) -> Double? {
                growth.flatMap { growth in counts.map { ($0[key] ?? 0) / growth.seconds } }
            }
            return Gateway(
                channel: key[0], server: key[1], up: Int(up), of: count, share: shares[key].map { $0 / Double(max(1, count)) },
                sendsPerSecond: rate(all), failuresPerSecond: rate(failures))
        }
    }

    private static func breakers(_ fleet: Fleet) -> [Breaker] {
        var states: [String: [String]] = [:]
        for page in fleet.pages {
            for (series, value) in page["cardume_breaker_state"] where value == 1 {
                states[series["breaker"] ?? "", default: []].append(series["state"] ?? "")
            }
        }
        return states.map { name, states in
            let worst = ["open", "half_open"].first(where: states.contains) ?? "closed"
            return Breaker(breaker: name, state: worst, processes: states.count { $0 == worst }, of: states.count)
        }
    }

    private static func endpoints(_ fleet: Fleet) -> [Endpoint] {
        let inFlight = fleet.sums("cardume_model_endpoint_in_flight", by: ["endpoint"])
        return fleet.sums("cardume_model_endpoint_limit", by: ["endpoint"]).map { key, limit in
            Endpoint(endpoint: key[0], limit: limit, inFlight: inFlight[key] ?? 0)
        }
    }

    private static func budgets(_ fleet: Fleet, _ growth: MetricGrowth?) -> [Budget] {
        let both = ["budget", "kind"]
        let limits = fleet.highest("cardume_budget_limit", by: both)
        let waiting = fleet.sums("cardume_budget_waiting", by: ["budget"])
        let used = growth?.growth("cardume_budget_used_total", by: both)
        return limits.map { key, limit in
            Budget(
                budget: key[0], kind: key[1], limit: limit,
                usedPerMinute: growth.flatMap { growth in used.map { ($0[key] ?? 0) / growth.seconds * 60 } },
                waiting: waiting[[key[0]]])
        }
    }

    private static func latencies(_ growth: MetricGrowth) -> [Latency] {
        let families: [(what: String, name: String, labels: [String])] = [
            ("wait", "cardume_turn_wait_seconds", ["assistant"]), ("turn", "cardume_turn_duration_seconds", ["assistant"]),
            ("reply", "cardume_reply_delay_seconds", ["assistant"]),
            ("model", "cardume_model_request_duration_seconds", ["model"]),
            ("send", "cardume_send_attempt_duration_seconds", ["channel"]),
            ("commit", "cardume_journal_commit_duration_seconds", []),
        ]
        return families.flatMap { family in
            growth.distributions(family.name, by: family.labels).compactMap { key, distribution -> Latency? in
                guard let median = distribution.quantile(0.5), let high = distribution.quantile(0.95),
                    let highest = distribution.quantile(0.99)
                else { return nil }
                return Latency(
                    what: family.what, of: key.first ?? "", perSecond: distribution.count / growth.seconds, p50: median,
                    p95: high, p99: highest)
            }
        }
    }

    private static func failures(_ fleet: Fleet, _ growth: MetricGrowth?) -> [Failure] {
        let families: [(what: String, name: String, of: String, category: String, good: Set<String>)] = [
            ("dead letter", "cardume_dead_letters_total", "assistant", "category", []),
            ("retry", "cardume_turn_retries_total", "assistant", "category", []),
            ("model", "cardume_model_requests_total", "model", "outcome", ["answered", "cancelled"]),
            ("send", "cardume_send_attempts_total", "channel", "outcome", ["accepted"]),
            ("refused", "cardume_messages_refused_total", "source", "reason", []),
            ("store", "cardume_store_failures_total", "", "code", []),
        ]
        return families.flatMap { family in
            let labels = [family.of, family.category]
            let grown = growth?.growth(family.name, by: labels)
            return fleet.sums(family.name, by: labels).compactMap { key, total -> Failure? in
                guard total > 0, !family.good.contains(key[1]) else { return nil }
                let perMinute = growth.flatMap { growth in grown.map { ($0[key] ?? 0) / growth.seconds * 60 } }
                return Failure(what: family.what, of: key[0], category: key[1], total: total, perMinute: perMinute)
            }
        }
    }

    private static func process(_ process: TopReading.Process, _ growth: MetricGrowth?) -> Process {
        let figures = process.figures
        let build = figures?["cardume_build_info"].keys.first
        return Process(
            process: process.name, address: process.address, role: build?["role"], version: build?["version"],
            phase: figures?.state("cardume_process_phase", "phase"), cpu: growth?.cpu(at: process.address),
            memoryBytes: figures?.value("cardume_process_resident_memory_bytes"),
            partitions: figures?.value("cardume_partitions_owned"),
            conversations: figures?.value("cardume_conversations_in_memory"), turns: figures?.value("cardume_slots_in_use"),
            problem: process.problem)
    }
}
