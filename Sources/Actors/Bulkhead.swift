public import CardumeCore
import Synchronization

/// Slots that several bulkheads may share: all turns of this process, or all calls to one model.
public final class SlotPool: Sendable {
    fileprivate typealias Waiter = CheckedContinuation<Void, any Error>

    fileprivate struct State {
        var scheduler: SlotScheduler<Waiter>
        var nextID: UInt64 = 0
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
        let waiters = self.state.withLock { $0.scheduler.resize(total: total, at: self.clock.uptime) }
        for waiter in waiters { waiter.resume() }
    }

    /// Slots in use.
    public var inUse: Int { self.state.withLock { $0.scheduler.inUse } }
    public var total: Int? { self.state.withLock { $0.scheduler.total } }
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
    fileprivate struct Limiting {
        var limits: SlotLimits
        var limiters: [Lane: AdaptiveLimit] = [:]
    }
    private let limiting: Mutex<Limiting>

    /// - Parameters:
    ///   - pool: whose total it shares.
    ///   - adaptive: lanes whose limit is found out, between a floor and a ceiling; see ``AdaptiveLimit``.
    public init(_ limits: SlotLimits, adaptive: [Lane: AdaptiveLimit.Policy] = [:], in pool: SlotPool) {
        self.pool = pool
        var limiting = Limiting(limits: limits)
        limiting.adapt(adaptive)
        self.number = pool.state.withLock { $0.scheduler.add(limiting.effective) }
        self.limiting = Mutex(limiting)
    }

    /// With a fixed number of slots and a pool of its own.
    ///
    /// - Parameter slots: from 1.
    public convenience init(slots: Int, clock: any RuntimeClock) {
        self.init(SlotLimits(slots: slots), in: SlotPool(clock: clock))
    }

    public var inUse: Int { self.pool.state.withLock { $0.scheduler.inUse(of: self.number) } }
    public var waiting: Int { self.pool.state.withLock { $0.scheduler.waiting(of: self.number) } }

    /// Whether nothing new may begin in `lane` for now.
    public func isPaused(_ lane: Lane) -> Bool {
        let limits = self.limits
        return limits.isPaused || limits[lane].isPaused
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
        let waiters = self.limiting.withLock { limiting in
            limiting.limits = limits
            limiting.adapt(adaptive)
            return self.apply(limiting.effective)
        }
        for waiter in waiters { waiter.resume() }
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
                let isGranted = self.pool.state.withLock {
                    $0.scheduler.requested(waiter, id: id, self.number, lane, priority, at: self.pool.clock.uptime)
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
        let next = self.pool.state.withLock { $0.scheduler.released(self.number, lane, at: self.pool.clock.uptime) }
        next?.resume()
    }

    /// Gives a slot back and lets the lane's limit learn from how it went.
    ///
    /// - Parameter latency: how long the call took, waiting for the slot not included.
    public func release(_ lane: Lane, after latency: Duration, _ outcome: AdaptiveLimit.Outcome) {
        self.learn(lane, latency, outcome)
        self.release(lane)
    }

    private func learn(_ lane: Lane, _ latency: Duration, _ outcome: AdaptiveLimit.Outcome) {
        let waiters: [SlotPool.Waiter] = self.limiting.withLock { limiting in
            guard limiting.limiters[lane] != nil else { return [] }
            let inFlight = self.pool.state.withLock { $0.scheduler.inUse(of: self.number, lane) }
            let limit = limiting.limiters[lane]?.limit
            let mayHaveChanged = limiting.limiters[lane]?
                .finished(latency, inFlight: inFlight, outcome, at: self.pool.clock.uptime)
            guard mayHaveChanged == true, limiting.limiters[lane]?.limit != limit else { return [] }
            return self.apply(limiting.effective)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Called with ``limiting`` locked, so that the latest limits are those in force.
    private func apply(_ limits: SlotLimits) -> [SlotPool.Waiter] {
        self.pool.state.withLock { $0.scheduler.update(self.number, limits, at: self.pool.clock.uptime) }
    }

    private func cancel(_ id: UInt64, _ lane: Lane) {
        let waiter = self.pool.state.withLock { $0.scheduler.cancelled(id, self.number, lane) }
        waiter?.resume(throwing: CancellationError())
    }
}

extension Bulkhead.Limiting {
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

    /// The configured limits, with those that were found out in their places.
    var effective: SlotLimits {
        var limits = self.limits
        for (lane, limiter) in self.limiters { limits[lane].slots = min(limiter.limit, limits[lane].slots ?? .max) }
        return limits
    }
}
