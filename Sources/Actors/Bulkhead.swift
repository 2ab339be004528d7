public import CardumeCore
import Synchronization

/// Slots that several bulkheads may share: all turns of this process, or all calls to one model.
public final class SlotPool: Sendable {
    fileprivate typealias Waiter = CheckedContinuation<Void, any Error>

    fileprivate struct State {
        var scheduler: SlotScheduler
        /// By bulkhead.
        var limiting: [Limiting] = []
        var waiters: [UInt64: Waiter] = [:]
        var nextID: UInt64 = 0

        mutating func take(_ ids: [UInt64]) -> [Waiter] { ids.compactMap { self.waiters.removeValue(forKey: $0) } }
    }

    fileprivate let state: Mutex<State>
    fileprivate let clock: any RuntimeClock

    /// - Parameter total: slots of all bulkheads together, from 1; `nil` for as many as they have.
    public init(total: Int? = nil, clock: any RuntimeClock) {
        self.state = Mutex(State(scheduler: SlotScheduler(total: total)))
        self.clock = clock
    }

    /// - Parameter total: as at the beginning. With fewer than are in use, nothing is interrupted.
    public func resize(total: Int?) {
        let waiters = self.state.withLock { $0.take($0.scheduler.resize(total: total, at: self.clock.uptime)) }
        for waiter in waiters { waiter.resume() }
    }

    /// Slots in use.
    public var inUse: Int { self.state.withLock { $0.scheduler.inUse } }
    public var total: Int? { self.state.withLock { $0.scheduler.total } }
}

/// Turns that were answered, since the process began.
struct ServedTurns: Hashable, Sendable {
    var count = 0
    /// That they had their slots, together.
    var time: Duration = .zero
}

/// A bulkhead's configured limits, and what was found out about its lanes.
private struct Limiting {
    var limits: SlotLimits
    var limiters: [Lane: AdaptiveLimit] = [:]
    var served = ServedTurns()

    init(_ limits: SlotLimits, adaptive: [Lane: AdaptiveLimit.Policy]) {
        self.limits = limits
        self.adapt(adaptive)
    }

    mutating func adapt(_ policies: [Lane: AdaptiveLimit.Policy]) {
        for lane in Lane.allCases {
            guard let policy = policies[lane] else {
                self.limiters[lane] = nil
                continue
            }
            if self.limiters[lane] == nil { self.limiters[lane] = AdaptiveLimit(policy: policy) }
            self.limiters[lane]?.update(policy)
        }
    }

    /// A call has ended. Returns whether ``effective`` has changed.
    mutating func learn(
        _ lane: Lane, _ latency: Duration, inFlight: Int, _ outcome: AdaptiveLimit.Outcome, at now: Duration
    ) -> Bool {
        let limit = self.limiters[lane]?.limit
        let mayHaveChanged = self.limiters[lane]?.finished(latency, inFlight: inFlight, outcome, at: now)
        return mayHaveChanged == true && self.limiters[lane]?.limit != limit
    }

    /// The configured limits, with those that were found out in their places.
    var effective: SlotLimits {
        var limits = self.limits
        for (lane, limiter) in self.limiters { limits[lane].slots = min(limiter.limit, limits[lane].slots ?? .max) }
        return limits
    }
}

/// The slots of one assistant in this process, lane by lane. Shared by all shards.
public final class Bulkhead: Sendable {
    /// What one lane does at the moment.
    public struct LaneStatus: Hashable, Sendable {
        public var inUse: Int
        public var waiting: Int
        /// Slots it may have now; `nil` for as many as the bulkhead has.
        public var limit: Int?
    }

    private let pool: SlotPool
    private let number: Int

    /// - Parameters:
    ///   - pool: whose total it shares.
    ///   - adaptive: lanes whose limit is found out, between a floor and a ceiling; see ``AdaptiveLimit``.
    public init(_ limits: SlotLimits, adaptive: [Lane: AdaptiveLimit.Policy] = [:], in pool: SlotPool) {
        self.pool = pool
        let limiting = Limiting(limits, adaptive: adaptive)
        self.number = pool.state.withLock {
            $0.limiting.append(limiting)
            return $0.scheduler.add(limiting.effective)
        }
    }

    /// With a fixed number of slots and a pool of its own.
    ///
    /// - Parameter slots: from 1.
    public convenience init(slots: Int, clock: any RuntimeClock) {
        self.init(SlotLimits(slots: slots), in: SlotPool(clock: clock))
    }

    var served: ServedTurns { self.pool.state.withLock { $0.limiting[self.number].served } }

    public var inUse: Int { self.pool.state.withLock { $0.scheduler.inUse(of: self.number) } }
    public var waiting: Int { self.pool.state.withLock { $0.scheduler.waiting(of: self.number) } }

    /// Whether nothing new may begin in `lane` for now.
    public func isPaused(_ lane: Lane) -> Bool {
        self.pool.state.withLock { $0.scheduler.isPaused(self.number, lane) }
    }

    /// The limits now, with those that were found out.
    public var limits: SlotLimits { self.pool.state.withLock { $0.scheduler.limits(of: self.number) } }

    /// Lanes in which something runs or waits.
    public var lanes: [Lane: LaneStatus] {
        self.pool.state.withLock { state in
            let limits = state.scheduler.limits(of: self.number)
            return state.scheduler.lanes(of: self.number).reduce(into: [:]) { result, lane in
                result[lane.key] = LaneStatus(
                    inUse: lane.value.inUse, waiting: lane.value.waiting, limit: limits[lane.key].slots)
            }
        }
    }

    /// From now on these count. Nothing that runs is interrupted.
    public func update(_ limits: SlotLimits, adaptive: [Lane: AdaptiveLimit.Policy] = [:]) {
        let waiters = self.pool.state.withLock { state in
            state.limiting[self.number].limits = limits
            state.limiting[self.number].adapt(adaptive)
            return self.apply(state.limiting[self.number].effective, to: &state)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// What adaptation has found out about a lane.
    public struct Adaptation: Hashable, Sendable {
        public var limit: Int
        /// What a turn takes when nothing queues; `nil` before that is known.
        public var baseline: Duration?
        /// What a turn took on average lately; `nil` before that is known.
        public var latency: Duration?
    }

    /// Of lanes whose limit is found out.
    public var adaptations: [Lane: Adaptation] {
        self.pool.state.withLock { state in
            state.limiting[self.number].limiters.mapValues {
                Adaptation(limit: $0.limit, baseline: $0.baseline, latency: $0.latency)
            }
        }
    }

    // MARK: Slots

    /// Takes a slot if one is free and nobody waits for it: what ``acquire(_:_:)`` does without waiting.
    ///
    /// - Returns: whether there is a slot to release.
    public func acquired(_ lane: Lane) -> Bool {
        self.pool.state.withLock { $0.scheduler.acquired(self.number, lane) }
    }

    /// A name for one who is about to wait; see ``ahead(of:_:)``.
    func ticket() -> UInt64 {
        self.pool.state.withLock {
            $0.nextID += 1
            return $0.nextID
        }
    }

    /// How many go before the one who waits in `lane` with this ticket; `nil` when nobody does.
    func ahead(of ticket: UInt64, _ lane: Lane) -> Int? {
        self.pool.state.withLock { $0.scheduler.ahead(of: ticket, self.number, lane, at: self.pool.clock.uptime) }
    }

    /// Waits for a slot. Each return is followed by exactly one ``release(_:)`` or ``release(_:after:_:)``.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits; there is no slot to release then.
    public func acquire(_ lane: Lane = .light, _ priority: Priority = .text) async throws {
        if self.acquired(lane) { return }
        try await self.acquire(lane, priority, ticket: self.ticket())
    }

    // With the caller's isolation captured, what follows stays on its executor; without, each closure would cost two changes
    // of threads.
    /// - Parameter id: a ticket of its own.
    func acquire(
        _ lane: Lane, _ priority: Priority, ticket id: UInt64, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        try await withTaskCancellationHandler {
            _ = isolation
            try await withCheckedThrowingContinuation { (waiter: SlotPool.Waiter) in
                let isGranted = self.pool.state.withLock { state in
                    let now = self.pool.clock.uptime
                    if state.scheduler.requested(id, self.number, lane, priority, at: now) { return true }
                    state.waiters[id] = waiter
                    return false
                }
                if isGranted {
                    waiter.resume()
                } else if Task.isCancelled {
                    // The handler may have run before the request was queued, and found nothing to cancel.
                    self.cancel(id, lane)
                }
            }
        } onCancel: {
            self.cancel(id, lane)
        }
    }

    public func release(_ lane: Lane = .light) {
        self.pool.state.withLock { self.release(lane, in: &$0) }?.resume()
    }

    private func release(_ lane: Lane, in state: inout SlotPool.State) -> SlotPool.Waiter? {
        state.scheduler.released(self.number, lane, at: self.pool.clock.uptime)
            .flatMap { state.waiters.removeValue(forKey: $0) }
    }

    /// Gives a slot back and lets the lane's limit learn from how it went.
    ///
    /// - Parameter latency: how long the call took, waiting for the slot not included.
    public func release(_ lane: Lane, after latency: Duration, _ outcome: AdaptiveLimit.Outcome) {
        let waiters: [SlotPool.Waiter] = self.pool.state.withLock { state in
            var waiters: [SlotPool.Waiter] = []
            if outcome == .served {
                state.limiting[self.number].served.count += 1
                state.limiting[self.number].served.time += latency
            }
            // Most have fixed limits.
            if !state.limiting[self.number].limiters.isEmpty {
                let inFlight = state.scheduler.inUse(of: self.number, lane)
                let now = self.pool.clock.uptime
                if state.limiting[self.number].learn(lane, latency, inFlight: inFlight, outcome, at: now) {
                    waiters = self.apply(state.limiting[self.number].effective, to: &state)
                }
            }
            if let next = self.release(lane, in: &state) { waiters.append(next) }
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func apply(_ limits: SlotLimits, to state: inout SlotPool.State) -> [SlotPool.Waiter] {
        state.take(state.scheduler.update(self.number, limits, at: self.pool.clock.uptime))
    }

    private func cancel(_ id: UInt64, _ lane: Lane) {
        let waiter = self.pool.state.withLock { state in
            state.scheduler.cancelled(id, self.number, lane) ? state.waiters.removeValue(forKey: id) : nil
        }
        waiter?.resume(throwing: CancellationError())
    }
}
