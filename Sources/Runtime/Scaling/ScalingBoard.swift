public import CardumeCore

/// The scaling signals of all pools, from what the stores say: the same in each process of a cluster.
///
/// Kept for some seconds, so that however many ask, the stores are asked once.
public actor ScalingBoard {
    public struct Reading: Sendable {
        public let signals: [ScalingSignal]
        /// When the stores were asked.
        public let at: Timestamp
    }

    /// How long a reading is used, give or take a fifth, so that processes that were started together do not ask together.
    private static let lifetime: Duration = .seconds(5)
    /// After a failure the stores are left alone for so long.
    private static let pause: Duration = .seconds(1)

    private let pools: @Sendable () -> [ScalingPool]
    private let log: any PartitionLog
    private let members: @Sendable () async throws -> [Member]
    private let clock: @Sendable () -> Timestamp
    private let uptime: @Sendable () -> Duration
    private let prepare: @Sendable () async throws -> Void
    private var latest: (result: Result<Reading, StoreError>, until: Duration)?
    private var look: Task<Result<Reading, StoreError>, Never>?

    /// - Parameters:
    ///   - pools: as they are configured now.
    ///   - members: all live members, as they said last.
    ///   - clock: wall time.
    ///   - uptime: monotonic time since any fixed origin.
    ///   - prepare: done before the log is asked. Defaults to nothing.
    public init(
        pools: @escaping @Sendable () -> [ScalingPool], log: any PartitionLog,
        members: @escaping @Sendable () async throws -> [Member], clock: @escaping @Sendable () -> Timestamp,
        uptime: @escaping @Sendable () -> Duration, prepare: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.pools = pools
        self.log = log
        self.members = members
        self.clock = clock
        self.uptime = uptime
        self.prepare = prepare
    }

    public nonisolated var now: Timestamp { self.clock() }

    /// As they are configured now, whether the stores answer or not.
    nonisolated var configured: [ScalingPool] { self.pools() }

    /// The signals now, or those of a few seconds ago.
    ///
    /// - Throws: when the stores do not answer: what is not known is not guessed.
    public func reading() async throws(StoreError) -> Reading {
        if let latest, self.uptime() < latest.until { return try latest.result.get() }
        if let look { return try await look.value.get() }
        // Not a child: a caller's cancellation must not end a look that others wait for.
        let look = Task { await self.measure() }
        self.look = look
        let result = await look.value
        let share = Double.random(in: 0.8...1.2)
        let lifetime = if case .success = result { Self.lifetime * share } else { Self.pause }
        self.latest = (result, self.uptime() + lifetime)
        self.look = nil
        return try result.get()
    }

    private func measure() async -> Result<Reading, StoreError> {
        do {
            try await self.prepare()
            async let members = self.members()
            let depths = try await self.log.depths()
            var state = ScalingState(depths: depths, members: try await members, at: self.clock())
            state.unreported = try await self.oldest(of: state.queuesWithoutReport)
            let seen = state
            return .success(Reading(signals: self.pools().map { ScalingSignal($0, seen) }, at: seen.at))
        } catch let error as StoreError {
            return .failure(error)
        } catch {
            return .failure(StoreError(.unavailable, "\(error)"))
        }
    }

    /// When the first message of each queue was received.
    private func oldest(of queues: [QueueID]) async throws -> [QueueID: Timestamp] {
        guard !queues.isEmpty else { return [:] }
        let count = self.log.partitionCount
        let cursors = queues.flatMap { queue in (0..<count).map { (Partition.ID(queue, number: $0), LogOffset.start) } }
        let heads = try await self.log.peek(Dictionary(uniqueKeysWithValues: cursors))
        return heads.reduce(into: [:]) { oldest, head in
            oldest[head.key.queue] = min(oldest[head.key.queue] ?? head.value, head.value)
        }
    }
}

extension ScalingBoard: MetricSource {
    public func samples() async -> [MetricSample] {
        let configured = self.configured.map {
            MetricSample("cardume_pool_slots_per_pod", ["pool": $0.name], Double($0.slotsPerPod))
        }
        // What is not known is absent; it is not 0. One scrape finds out that a store does not answer; the next need not wait.
        if case .failure = self.latest?.result {
            Task { _ = try? await self.reading() }
            return configured
        }
        guard let reading = try? await self.reading() else { return configured }
        return configured + reading.signals.flatMap(Self.samples)
    }

    private static func samples(of signal: ScalingSignal) -> [MetricSample] {
        let pool = ["pool": signal.pool.name]
        var samples = [
            MetricSample("cardume_pool_demand_slots", pool, signal.demandSlots),
            MetricSample("cardume_pool_in_flight", pool, Double(signal.inFlight)),
            MetricSample("cardume_pool_waiting_messages", pool, Double(signal.waitingMessages)),
            MetricSample("cardume_pool_waiting_conversations", pool, Double(signal.waitingConversations)),
            MetricSample("cardume_pool_oldest_seconds", pool, signal.oldestSeconds),
            MetricSample("cardume_pool_pods", pool, Double(signal.pods)),
            MetricSample("cardume_pool_unknown_pods", pool, Double(signal.unknown.count)),
            MetricSample("cardume_pool_suggested_pods", pool, Double(signal.suggestedPods)),
        ]
        if let mean = signal.meanTurnSeconds { samples.append(MetricSample("cardume_pool_mean_turn_seconds", pool, mean)) }
        return samples
            + Exclusion.allCases.map { reason in
                MetricSample(
                    "cardume_pool_excluded_slots", ["pool": signal.pool.name, "reason": reason.rawValue],
                    signal.excluded[reason]?.slots ?? 0)
            }
    }
}
