import DequeModule

/// Who may run next among those waiting for slots: first between bulkheads, by weight, then within one.
///
/// A bulkhead never has more slots than its own limit, whatever else is free, and a lane never more than its own. Floors are kept
/// free for those they belong to. Where a total bounds all bulkheads together, the next free slot goes to the one that has had
/// least for its weight (start-time fair queueing: Goyal, Vin and Cheng, 1996); an idle bulkhead saves nothing up.
///
/// Within a bulkhead lower priority classes go first, within a class first come, first served: as a conversation asks again
/// only when its turn is over, that is round robin between conversations. Waiting raises a request by one class per
/// `ageing`, so that nothing starves.
public struct SlotScheduler<Waiter> {
    private struct Request {
        var id: UInt64
        var waiter: Waiter
        var since: Duration
    }

    private struct LaneState {
        var limits = SlotLimits.Lane()
        var inUse = 0
        var waiting = 0
        var queues: [Deque<Request>] = Array(repeating: [], count: Priority.allCases.count)
    }

    private struct BulkheadState {
        var limits: SlotLimits
        var inUse = 0
        var waiting = 0
        var lanes: [LaneState]
        /// Virtual time: slots had so far, divided by weight.
        var pass = 0.0
    }

    private let ageing: Duration
    private var bulkheads: [BulkheadState] = []
    private var virtualTime = 0.0

    /// Slots of all bulkheads together; `nil` for as many as they have.
    public private(set) var total: Int?
    public private(set) var inUse = 0

    /// - Parameters:
    ///   - total: from 1; `nil` for no bound.
    ///   - ageing: time in which a waiting request gains one class. Defaults to 5 s.
    public init(total: Int? = nil, ageing: Duration = .seconds(5)) {
        self.total = total
        self.ageing = ageing
    }

    // MARK: Bulkheads

    /// Adds a bulkhead. Returns the number by which it is called.
    public mutating func add(_ limits: SlotLimits) -> Int {
        self.bulkheads.append(BulkheadState(limits: limits, lanes: Lane.allCases.map { LaneState(limits: limits[$0]) }))
        return self.bulkheads.count - 1
    }

    /// Changes a bulkhead's limits. Nothing that runs is interrupted. Returns the waiters that have a slot now.
    public mutating func update(_ bulkhead: Int, _ limits: SlotLimits, at now: Duration) -> [Waiter] {
        self.bulkheads[bulkhead].limits = limits
        for (index, lane) in Lane.allCases.enumerated() { self.bulkheads[bulkhead].lanes[index].limits = limits[lane] }
        return self.grantAll(at: now)
    }

    /// Changes the total. Returns the waiters that have a slot now.
    public mutating func resize(total: Int?, at now: Duration) -> [Waiter] {
        self.total = total
        return self.grantAll(at: now)
    }

    public func limits(of bulkhead: Int) -> SlotLimits { self.bulkheads[bulkhead].limits }
    public func inUse(of bulkhead: Int) -> Int { self.bulkheads[bulkhead].inUse }
    public func inUse(of bulkhead: Int, _ lane: Lane) -> Int { self.bulkheads[bulkhead].lanes[lane.index].inUse }
    public func waiting(of bulkhead: Int) -> Int { self.bulkheads[bulkhead].waiting }

    /// Slots in use and requests that wait, by lane; lanes with neither are left out.
    public func lanes(of bulkhead: Int) -> [Lane: (inUse: Int, waiting: Int)] {
        zip(Lane.allCases, self.bulkheads[bulkhead].lanes).reduce(into: [:]) { result, pair in
            if pair.1.inUse + pair.1.waiting > 0 { result[pair.0] = (pair.1.inUse, pair.1.waiting) }
        }
    }

    // MARK: Slots

    /// Takes a slot if one is free and nobody waits for it.
    ///
    /// - Returns: whether the slot is granted.
    public mutating func acquired(_ bulkhead: Int, _ lane: Lane) -> Bool {
        guard self.bulkheads[bulkhead].lanes[lane.index].waiting == 0, self.mayRun(bulkhead, lane.index) else { return false }
        self.take(bulkhead, lane.index)
        return true
    }

    /// Asks for a slot, to wait if need be.
    ///
    /// - Parameters:
    ///   - id: unlike that of any other waiting request; for ``cancelled(_:_:_:)``.
    ///   - now: monotonic time since any fixed origin.
    /// - Returns: whether the slot is granted at once. When not, a later call returns the waiter.
    public mutating func requested(
        _ waiter: Waiter, id: UInt64, _ bulkhead: Int, _ lane: Lane, _ priority: Priority, at now: Duration
    ) -> Bool {
        if self.acquired(bulkhead, lane) { return true }
        self.bulkheads[bulkhead].waiting += 1
        self.bulkheads[bulkhead].lanes[lane.index].waiting += 1
        self.bulkheads[bulkhead].lanes[lane.index].queues[priority.rawValue]
            .append(Request(id: id, waiter: waiter, since: now))
        return false
    }

    /// How many requests of the bulkhead go before request `id` as things stand: all that rank higher, but for those whose own
    /// lane is full or paused. Looks at every waiting request.
    ///
    /// - Returns: `nil` when it does not wait.
    public func ahead(of id: UInt64, _ bulkhead: Int, _ lane: Lane, at now: Duration) -> Int? {
        let lanes = self.bulkheads[bulkhead].lanes
        for (queueIndex, queue) in lanes[lane.index].queues.enumerated() {
            guard let position = queue.firstIndex(where: { $0.id == id }) else { continue }
            let own = (self.rank(queueIndex, queue[position].since, now), lane.index, queueIndex)
            var count = position
            for (laneIndex, other) in lanes.enumerated() where other.waiting > 0 {
                let isOpen = !other.limits.isPaused && other.inUse < other.limits.slots ?? .max
                guard isOpen || laneIndex == lane.index else { continue }
                for (index, requests) in other.queues.enumerated() where (laneIndex, index) != (lane.index, queueIndex) {
                    count += requests.count { request in
                        let rank = self.rank(index, request.since, now)
                        return rank == own.0 ? (laneIndex, index) < (own.1, own.2) : rank < own.0
                    }
                }
            }
            return count
        }
        return nil
    }

    /// Gives a slot back. Returns the waiter that has it now, if any.
    public mutating func released(_ bulkhead: Int, _ lane: Lane, at now: Duration) -> Waiter? {
        precondition(self.bulkheads[bulkhead].lanes[lane.index].inUse > 0, "a slot was released that nobody had")
        self.inUse -= 1
        self.bulkheads[bulkhead].inUse -= 1
        self.bulkheads[bulkhead].lanes[lane.index].inUse -= 1
        // Without a total, nobody else gains by it.
        return self.total == nil ? self.grant(within: bulkhead, at: now) : self.grant(at: now)
    }

    /// Takes back a request. Returns its waiter, or `nil` when it had been granted meanwhile.
    public mutating func cancelled(_ id: UInt64, _ bulkhead: Int, _ lane: Lane) -> Waiter? {
        for index in self.bulkheads[bulkhead].lanes[lane.index].queues.indices {
            let queue = self.bulkheads[bulkhead].lanes[lane.index].queues[index]
            guard let position = queue.firstIndex(where: { $0.id == id }) else { continue }
            self.bulkheads[bulkhead].waiting -= 1
            self.bulkheads[bulkhead].lanes[lane.index].waiting -= 1
            return self.bulkheads[bulkhead].lanes[lane.index].queues[index].remove(at: position).waiter
        }
        return nil
    }

    // MARK: Granting

    private mutating func grantAll(at now: Duration) -> [Waiter] {
        var waiters: [Waiter] = []
        while let waiter = self.grant(at: now) { waiters.append(waiter) }
        return waiters
    }

    /// To the bulkhead that has had least for its weight.
    private mutating func grant(at now: Duration) -> Waiter? {
        var best: Int?
        for index in self.bulkheads.indices where self.hasCandidate(index) {
            if best.map({ self.order(index) < self.order($0) }) ?? true { best = index }
        }
        return best.flatMap { self.grant(within: $0, at: now) }
    }

    private func hasCandidate(_ bulkhead: Int) -> Bool {
        self.bulkheads[bulkhead].waiting > 0
            && Lane.allCases.indices.contains { self.hasWaiting(bulkhead, $0) && self.mayRun(bulkhead, $0) }
    }

    /// What was saved up while there was nothing to do does not count.
    private func order(_ bulkhead: Int) -> Double {
        max(self.bulkheads[bulkhead].pass, self.virtualTime)
    }

    private mutating func grant(within bulkhead: Int, at now: Duration) -> Waiter? {
        guard self.bulkheads[bulkhead].waiting > 0 else { return nil }
        var best: (lane: Int, queue: Int, rank: (Int64, Int64))?
        for lane in Lane.allCases.indices where self.hasWaiting(bulkhead, lane) && self.mayRun(bulkhead, lane) {
            for (index, queue) in self.bulkheads[bulkhead].lanes[lane].queues.enumerated() {
                guard let first = queue.first else { continue }
                let rank = self.rank(index, first.since, now)
                if best.map({ rank < $0.rank }) ?? true { best = (lane, index, rank) }
            }
        }
        guard let best, let request = self.bulkheads[bulkhead].lanes[best.lane].queues[best.queue].popFirst() else {
            return nil
        }
        self.bulkheads[bulkhead].waiting -= 1
        self.bulkheads[bulkhead].lanes[best.lane].waiting -= 1
        self.take(bulkhead, best.lane)
        return request.waiter
    }

    private mutating func take(_ bulkhead: Int, _ lane: Int) {
        self.inUse += 1
        self.bulkheads[bulkhead].inUse += 1
        self.bulkheads[bulkhead].lanes[lane].inUse += 1
        guard self.total != nil else { return }
        self.virtualTime = max(self.bulkheads[bulkhead].pass, self.virtualTime)
        self.bulkheads[bulkhead].pass = self.virtualTime + 1 / Double(max(self.bulkheads[bulkhead].limits.weight, 1))
    }

    private func hasWaiting(_ bulkhead: Int, _ lane: Int) -> Bool { self.bulkheads[bulkhead].lanes[lane].waiting > 0 }

    private func mayRun(_ index: Int, _ laneIndex: Int) -> Bool {
        let bulkhead = self.bulkheads[index]
        let lane = bulkhead.lanes[laneIndex]
        guard !bulkhead.limits.isPaused, !lane.limits.isPaused, lane.inUse < lane.limits.slots ?? .max else { return false }
        // Its own floor is its own; above it, the others' must stay free.
        var kept = 0
        if lane.inUse >= lane.limits.floor {
            for other in bulkhead.lanes.indices where other != laneIndex {
                kept += max(bulkhead.lanes[other].limits.floor - bulkhead.lanes[other].inUse, 0)
            }
        }
        guard bulkhead.inUse + kept < bulkhead.limits.slots else { return false }
        guard let total = self.total else { return true }
        kept = 0
        if bulkhead.inUse >= bulkhead.limits.floor {
            for other in self.bulkheads.indices where other != index {
                kept += max(self.bulkheads[other].limits.floor - self.bulkheads[other].inUse, 0)
            }
        }
        return self.inUse + kept < total
    }

    private func rank(_ index: Int, _ since: Duration, _ now: Duration) -> (Int64, Int64) {
        let raised = (now - since).milliseconds / max(self.ageing.milliseconds, 1)
        return (Int64(index) - raised, since.milliseconds)
    }
}

/// How many slots one bulkhead may have.
public struct SlotLimits: Hashable, Sendable {
    public struct Lane: Hashable, Sendable {
        /// `nil` for as many as the bulkhead has.
        public var slots: Int?
        /// Slots of the bulkhead that no other lane may take. Defaults to 0.
        public var floor: Int
        public var isPaused: Bool

        public init(slots: Int? = nil, floor: Int = 0, isPaused: Bool = false) {
            self.slots = slots
            self.floor = floor
            self.isPaused = isPaused
        }
    }

    /// From 1.
    public var slots: Int
    /// Slots of the total that no other bulkhead may take. Defaults to 0.
    public var floor: Int
    /// Share of a total that is used up; from 1.
    public var weight: Int
    /// Whether nothing new may begin.
    public var isPaused: Bool
    private var lanes: [CardumeCore.Lane: Lane]

    public init(
        slots: Int, floor: Int = 0, weight: Int = 1, isPaused: Bool = false, lanes: [CardumeCore.Lane: Lane] = [:]
    ) {
        self.slots = slots
        self.floor = floor
        self.weight = weight
        self.isPaused = isPaused
        self.lanes = lanes
    }

    /// Those of one lane.
    public subscript(lane: CardumeCore.Lane) -> Lane {
        get { self.lanes[lane] ?? Lane() }
        set { self.lanes[lane] = newValue }
    }
}

extension Lane {
    /// Its place in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .light: 0
        case .heavy: 1
        case .image: 2
        case .audio: 3
        case .survey: 4
        case .housekeeping: 5
        }
    }
}
