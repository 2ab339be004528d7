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
///
/// Each turn asks twice, under a lock that all shards share: what is asked for with every turn copies nothing that is counted,
/// and whoever waits is known by a number, not by a type of the caller's.
public struct SlotScheduler: Sendable {
    private struct Request {
        var id: UInt64
        var since: Duration
    }

    private struct LaneState {
        var limits: SlotLimits.Lane
        var inUse = 0
        var waiting = 0
    }

    private struct BulkheadState {
        var limits: SlotLimits
        var inUse = 0
        var waiting = 0
        var lanes: [LaneState]
        /// By lane, then by priority class.
        var queues: [[Deque<Request>]]
        /// Whether any lane has a floor.
        var hasFloors: Bool
        /// Virtual time: slots had so far, divided by weight.
        var pass = 0.0

        init(_ limits: SlotLimits) {
            self.limits = limits
            self.lanes = Lane.allCases.map { LaneState(limits: limits[$0]) }
            self.queues = Array(
                repeating: Array(repeating: [], count: Priority.allCases.count), count: Lane.allCases.count)
            self.hasFloors = self.lanes.contains { $0.limits.floor > 0 }
        }

        mutating func update(_ limits: SlotLimits) {
            self.limits = limits
            for (index, lane) in Lane.allCases.enumerated() { self.lanes[index].limits = limits[lane] }
            self.hasFloors = self.lanes.contains { $0.limits.floor > 0 }
        }

        /// Slots that lanes other than `lane` must find free.
        func kept(from lane: Int) -> Int {
            guard self.hasFloors, self.lanes[lane].inUse >= self.lanes[lane].limits.floor else { return 0 }
            var kept = 0
            // Nothing is kept for those who may not use it.
            for other in self.lanes.indices where other != lane && !self.lanes[other].limits.isPaused {
                let floor = min(self.lanes[other].limits.floor, self.lanes[other].limits.slots ?? .max)
                kept += max(floor - self.lanes[other].inUse, 0)
            }
            return kept
        }
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
        self.bulkheads.append(BulkheadState(limits))
        return self.bulkheads.count - 1
    }

    /// Changes a bulkhead's limits. Nothing that runs is interrupted. Returns the requests that have a slot now.
    public mutating func update(_ bulkhead: Int, _ limits: SlotLimits, at now: Duration) -> [UInt64] {
        self.bulkheads[bulkhead].update(limits)
        return self.grantAll(at: now)
    }

    /// Changes the total. Returns the requests that have a slot now.
    public mutating func resize(total: Int?, at now: Duration) -> [UInt64] {
        self.total = total
        return self.grantAll(at: now)
    }

    public func limits(of bulkhead: Int) -> SlotLimits { self.bulkheads[bulkhead].limits }
    public func isPaused(_ bulkhead: Int, _ lane: Lane) -> Bool {
        self.bulkheads[bulkhead].limits.isPaused || self.bulkheads[bulkhead].lanes[lane.index].limits.isPaused
    }
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
    ///   - id: unlike that of any other waiting request.
    ///   - now: monotonic time since any fixed origin.
    /// - Returns: whether the slot is granted at once. When not, a later call returns the request.
    public mutating func requested(
        _ id: UInt64, _ bulkhead: Int, _ lane: Lane, _ priority: Priority, at now: Duration
    ) -> Bool {
        if self.acquired(bulkhead, lane) { return true }
        self.bulkheads[bulkhead].waiting += 1
        self.bulkheads[bulkhead].lanes[lane.index].waiting += 1
        self.bulkheads[bulkhead].queues[lane.index][priority.rawValue].append(Request(id: id, since: now))
        return false
    }

    /// How many requests of the bulkhead go before request `id` as things stand: all that rank higher, but for those whose own
    /// lane is full or paused. Looks at every waiting request.
    ///
    /// - Returns: `nil` when it does not wait.
    public func ahead(of id: UInt64, _ bulkhead: Int, _ lane: Lane, at now: Duration) -> Int? {
        let (lanes, queues) = (self.bulkheads[bulkhead].lanes, self.bulkheads[bulkhead].queues)
        for (queueIndex, queue) in queues[lane.index].enumerated() {
            guard let position = queue.firstIndex(where: { $0.id == id }) else { continue }
            let own = (self.rank(queueIndex, queue[position].since, now), lane.index, queueIndex)
            var count = position
            for (laneIndex, other) in lanes.enumerated() where other.waiting > 0 {
                let isOpen = !other.limits.isPaused && other.inUse < other.limits.slots ?? .max
                guard isOpen || laneIndex == lane.index else { continue }
                for (index, requests) in queues[laneIndex].enumerated() where (laneIndex, index) != (lane.index, queueIndex) {
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

    /// Gives a slot back. Returns the request that has it now, if any.
    ///
    /// - Parameter now: asked for only when somebody waits.
    public mutating func released(_ bulkhead: Int, _ lane: Lane, at now: @autoclosure () -> Duration) -> UInt64? {
        precondition(self.bulkheads[bulkhead].lanes[lane.index].inUse > 0, "a slot was released that nobody had")
        self.inUse -= 1
        self.bulkheads[bulkhead].inUse -= 1
        self.bulkheads[bulkhead].lanes[lane.index].inUse -= 1
        // Without a total, nobody else gains by it.
        return self.total == nil ? self.grant(within: bulkhead, at: now()) : self.grant(at: now())
    }

    /// Takes back a request. Returns whether it waited; not so when it had been granted meanwhile.
    public mutating func cancelled(_ id: UInt64, _ bulkhead: Int, _ lane: Lane) -> Bool {
        for index in Priority.allCases.indices {
            guard let position = self.bulkheads[bulkhead].queues[lane.index][index].firstIndex(where: { $0.id == id })
            else { continue }
            self.bulkheads[bulkhead].queues[lane.index][index].remove(at: position)
            self.bulkheads[bulkhead].waiting -= 1
            self.bulkheads[bulkhead].lanes[lane.index].waiting -= 1
            return true
        }
        return false
    }

    // MARK: Granting

    private mutating func grantAll(at now: Duration) -> [UInt64] {
        var granted: [UInt64] = []
        while let id = self.grant(at: now) { granted.append(id) }
        return granted
    }

    /// To the bulkhead that has had least for its weight.
    private mutating func grant(at now: @autoclosure () -> Duration) -> UInt64? {
        var best: Int?
        for index in self.bulkheads.indices where self.hasCandidate(index) {
            if best.map({ self.order(index) < self.order($0) }) ?? true { best = index }
        }
        return best.flatMap { self.grant(within: $0, at: now()) }
    }

    private func hasCandidate(_ bulkhead: Int) -> Bool {
        self.bulkheads[bulkhead].waiting > 0
            && Lane.allCases.indices.contains { self.hasWaiting(bulkhead, $0) && self.mayRun(bulkhead, $0) }
    }

    /// What was saved up while there was nothing to do does not count.
    private func order(_ bulkhead: Int) -> Double {
        max(self.bulkheads[bulkhead].pass, self.virtualTime)
    }

    private mutating func grant(within bulkhead: Int, at now: @autoclosure () -> Duration) -> UInt64? {
        guard self.bulkheads[bulkhead].waiting > 0 else { return nil }
        let now = now()
        var best: (lane: Int, queue: Int, rank: (Int64, Int64))?
        for lane in Lane.allCases.indices where self.hasWaiting(bulkhead, lane) && self.mayRun(bulkhead, lane) {
            for (index, queue) in self.bulkheads[bulkhead].queues[lane].enumerated() {
                guard let first = queue.first else { continue }
                let rank = self.rank(index, first.since, now)
                if best.map({ rank < $0.rank }) ?? true { best = (lane, index, rank) }
            }
        }
        guard let best, let request = self.bulkheads[bulkhead].queues[best.lane][best.queue].popFirst() else {
            return nil
        }
        self.bulkheads[bulkhead].waiting -= 1
        self.bulkheads[bulkhead].lanes[best.lane].waiting -= 1
        self.take(bulkhead, best.lane)
        return request.id
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

    private func mayRun(_ bulkhead: Int, _ lane: Int) -> Bool {
        let state = self.bulkheads[bulkhead].lanes[lane]
        guard !self.bulkheads[bulkhead].limits.isPaused, !state.limits.isPaused, state.inUse < state.limits.slots ?? .max,
            self.bulkheads[bulkhead].inUse + self.bulkheads[bulkhead].kept(from: lane) < self.bulkheads[bulkhead].limits.slots
        else { return false }
        guard let total = self.total else { return true }
        // Its own floor is its own; above it, the others' must stay free.
        var kept = 0
        if self.bulkheads[bulkhead].inUse >= self.bulkheads[bulkhead].limits.floor {
            for other in self.bulkheads.indices where other != bulkhead && !self.bulkheads[other].limits.isPaused {
                let floor = min(self.bulkheads[other].limits.floor, self.bulkheads[other].limits.slots)
                kept += max(floor - self.bulkheads[other].inUse, 0)
            }
        }
        return self.inUse + kept < total
    }

    private func rank(_ index: Int, _ since: Duration, _ now: Duration) -> (Int64, Int64) {
        let raised = (now - since).milliseconds / max(self.ageing.milliseconds, 1)
        return (Int64(index) - raised, since.milliseconds)
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
