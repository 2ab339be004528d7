import DequeModule

/// Who may run next among those waiting for one bulkhead's slots.
///
/// Lower priority classes go first; within a class, first come first served. Waiting raises a request by one class per
/// `ageing`, so that nothing starves; among equals, the one waiting longest goes first.
public struct SlotAllocator<Waiter> {
    private struct Request {
        var id: UInt64
        var waiter: Waiter
        var since: Duration
    }

    private let ageing: Duration
    private var queues: [Deque<Request>] = Array(repeating: [], count: Priority.allCases.count)

    /// Slots in all.
    public private(set) var slots: Int
    public private(set) var inUse = 0
    /// Whether nothing is granted for now; what is held stays held.
    public private(set) var isPaused = false

    /// - Parameters:
    ///   - slots: from 1.
    ///   - ageing: time in which a waiting request gains one class. Defaults to 5 s.
    public init(slots: Int, ageing: Duration = .seconds(5)) {
        self.slots = slots
        self.ageing = ageing
    }

    /// Requests that wait.
    public private(set) var waiting = 0

    /// Takes a slot if one is free and nobody waits.
    ///
    /// - Returns: whether the slot is granted.
    public mutating func acquired() -> Bool {
        // Whoever comes while others wait goes behind them, even if a slot is free: it is being handed over.
        guard !self.isPaused, self.inUse < self.slots, self.waiting == 0 else { return false }
        self.inUse += 1
        return true
    }

    /// Asks for a slot, to wait if need be.
    ///
    /// - Parameters:
    ///   - id: unlike that of any other waiting request; for ``cancelled(_:)``.
    ///   - now: monotonic time since any fixed origin.
    /// - Returns: whether the slot is granted at once. When not, a later ``released(at:)`` returns the waiter.
    public mutating func requested(_ waiter: Waiter, id: UInt64, priority: Priority, at now: Duration) -> Bool {
        if self.acquired() { return true }
        self.queues[priority.rawValue].append(Request(id: id, waiter: waiter, since: now))
        self.waiting += 1
        return false
    }

    /// Gives a slot back. Returns the waiter that has it now, if any.
    public mutating func released(at now: Duration) -> Waiter? {
        precondition(self.inUse > 0, "a slot was released that nobody had")
        self.inUse -= 1
        return self.granted(at: now)
    }

    /// Changes the number of slots. Returns the waiters that have one now.
    public mutating func resized(to slots: Int, at now: Duration) -> [Waiter] {
        self.slots = slots
        return self.allGranted(at: now)
    }

    /// Begins or ends a pause. Returns the waiters that have a slot now.
    public mutating func paused(_ isPaused: Bool, at now: Duration) -> [Waiter] {
        self.isPaused = isPaused
        return self.allGranted(at: now)
    }

    private mutating func allGranted(at now: Duration) -> [Waiter] {
        var waiters: [Waiter] = []
        while let waiter = self.granted(at: now) { waiters.append(waiter) }
        return waiters
    }

    private mutating func granted(at now: Duration) -> Waiter? {
        guard !self.isPaused, self.waiting > 0, self.inUse < self.slots, let next = self.next(at: now) else { return nil }
        self.inUse += 1
        self.waiting -= 1
        return self.queues[next].popFirst()?.waiter
    }

    /// Takes back a request. Returns its waiter, or `nil` when it had been granted meanwhile.
    public mutating func cancelled(_ id: UInt64) -> Waiter? {
        for index in self.queues.indices {
            if let position = self.queues[index].firstIndex(where: { $0.id == id }) {
                self.waiting -= 1
                return self.queues[index].remove(at: position).waiter
            }
        }
        return nil
    }

    private func next(at now: Duration) -> Int? {
        self.queues.indices
            .compactMap { index in self.queues[index].first.map { (index, $0.since) } }
            .min { self.rank($0.0, $0.1, now) < self.rank($1.0, $1.1, now) }?.0
    }

    private func rank(_ index: Int, _ since: Duration, _ now: Duration) -> (Int64, Int64) {
        let raised = (now - since).milliseconds / max(self.ageing.milliseconds, 1)
        return (Int64(index) - raised, since.milliseconds)
    }
}
