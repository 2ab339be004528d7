import CardumeCore
import DequeModule

/// Decides which caller gets which connection and when connections are opened and closed. The pool carries it out.
struct PostgresPoolMachine {
    typealias ConnectionID = Int
    typealias WaiterID = Int
    typealias Instant = ContinuousClock.Instant

    struct Limits {
        var minimum: Int
        var maximum: Int
        var waiters: Int
        var idleLifetime: Duration
        var checkAfter: Duration
        var backoff = RetryPolicy(base: .milliseconds(200), cap: .seconds(5))
    }

    enum Action: Equatable {
        /// - Parameter mustCheck: it was idle for long; ask it for a sign of life first.
        case lend(ConnectionID, to: WaiterID, mustCheck: Bool)
        /// Ends in ``opened(_:at:)`` or ``openFailed(_:at:using:)``.
        case open(ConnectionID)
        case close(ConnectionID)
        case refuse(WaiterID, Refusal)
        /// Call ``wakeUp(at:)`` then.
        case wakeUp(after: Duration)
    }

    enum Refusal: Equatable {
        case tooManyWaiters
        case closed
        /// The latest attempt to connect failed, and there is no other connection to wait for.
        case cannotConnect
    }

    private enum Connection {
        /// Goes to `idle` or `lent` (opened), or is gone (failed).
        case opening
        /// Goes to `lent`, or is gone (surplus, closed).
        case idle(since: Instant)
        /// Goes to `idle` or another `lent`, or is gone (broken, closed).
        case lent
    }

    private let limits: Limits
    private var connections: [ConnectionID: Connection] = [:]
    /// The latest to become idle last: it is lent first, so that surplus ones age.
    private var idle: [ConnectionID] = []
    private var waiters: Deque<WaiterID> = []
    private var nextConnection = 0
    private var failures = 0
    private var closedUntil: Instant?
    private var isWaitingToOpen = false
    private var isClosed = false

    init(limits: Limits) {
        precondition(limits.maximum > 0 && limits.minimum <= limits.maximum, "no sensible bounds")
        self.limits = limits
    }

    var openCount: Int { self.connections.count - self.openingCount }
    var idleCount: Int { self.idle.count }
    var waitingCount: Int { self.waiters.count }
    private var openingCount: Int {
        self.connections.values.count { if case .opening = $0 { true } else { false } }
    }

    /// A caller wants a connection.
    mutating func requested(by waiter: WaiterID, at now: Instant) -> [Action] {
        if self.isClosed { return [.refuse(waiter, .closed)] }
        if let connection = self.idle.popLast() { return [self.lend(connection, to: waiter, at: now)] }
        guard self.waiters.count < self.limits.waiters else { return [.refuse(waiter, .tooManyWaiters)] }
        self.waiters.append(waiter)
        return self.openIfUseful(at: now)
    }

    /// A caller waits no longer. `false` when it has been answered already.
    mutating func gaveUp(_ waiter: WaiterID) -> Bool {
        guard let index = self.waiters.firstIndex(of: waiter) else { return false }
        self.waiters.remove(at: index)
        return true
    }

    mutating func opened(_ connection: ConnectionID, at now: Instant) -> [Action] {
        guard case .opening = self.connections[connection] else { preconditionFailure("\(connection): was not opening") }
        self.failures = 0
        self.closedUntil = nil
        return self.place(connection, at: now)
    }

    mutating func openFailed(
        _ connection: ConnectionID, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .opening = self.connections.removeValue(forKey: connection) else {
            preconditionFailure("\(connection): was not opening")
        }
        self.failures += 1
        self.closedUntil = now + self.limits.backoff.delay(afterAttempt: self.failures, using: &generator)
        guard self.connections.isEmpty else { return self.openIfUseful(at: now) }
        defer { self.waiters.removeAll() }
        return self.waiters.map { .refuse($0, .cannotConnect) }
    }

    mutating func wakeUp(at now: Instant) -> [Action] {
        self.isWaitingToOpen = false
        return self.openIfUseful(at: now)
    }

    /// A caller is done with a connection.
    mutating func returned(_ connection: ConnectionID, isUsable: Bool, at now: Instant) -> [Action] {
        guard case .lent = self.connections[connection] else { preconditionFailure("\(connection): was not lent") }
        guard isUsable else {
            self.connections[connection] = nil
            return [.close(connection)] + self.openIfUseful(at: now)
        }
        return self.place(connection, at: now) + self.surplus(at: now)
    }

    /// Nobody gets a connection any more; those on loan are closed when they come back.
    mutating func close() -> [Action] {
        self.isClosed = true
        let closed = self.idle.map { Action.close($0) }
        for connection in self.idle { self.connections[connection] = nil }
        self.idle.removeAll()
        defer { self.waiters.removeAll() }
        return closed + self.waiters.map { .refuse($0, .closed) }
    }

    private mutating func place(_ connection: ConnectionID, at now: Instant) -> [Action] {
        if self.isClosed {
            self.connections[connection] = nil
            return [.close(connection)]
        }
        if let waiter = self.waiters.popFirst() {
            self.connections[connection] = .lent
            return [.lend(connection, to: waiter, mustCheck: false)]
        }
        self.connections[connection] = .idle(since: now)
        self.idle.append(connection)
        return []
    }

    private mutating func lend(_ connection: ConnectionID, to waiter: WaiterID, at now: Instant) -> Action {
        guard case .idle(let since) = self.connections[connection] else { preconditionFailure("\(connection): not idle") }
        self.connections[connection] = .lent
        return .lend(connection, to: waiter, mustCheck: now - since >= self.limits.checkAfter)
    }

    /// As many at once as there are waiters, but none before the backoff is over.
    private mutating func openIfUseful(at now: Instant) -> [Action] {
        guard !self.isClosed else { return [] }
        let useful = min(self.waiters.count - self.openingCount, self.limits.maximum - self.connections.count)
        guard useful > 0 else { return [] }
        if let closedUntil, now < closedUntil {
            guard !self.isWaitingToOpen else { return [] }
            self.isWaitingToOpen = true
            return [.wakeUp(after: closedUntil - now)]
        }
        // After a failure one attempt at a time, so that a server in trouble is not met by all of them.
        return (0..<(self.failures > 0 ? 1 : useful)).map { _ in
            self.nextConnection += 1
            self.connections[self.nextConnection] = .opening
            return .open(self.nextConnection)
        }
    }

    private mutating func surplus(at now: Instant) -> [Action] {
        var closed: [Action] = []
        while self.connections.count > self.limits.minimum, let oldest = self.idle.first,
            case .idle(let since) = self.connections[oldest], now - since >= self.limits.idleLifetime
        {
            self.idle.removeFirst()
            self.connections[oldest] = nil
            closed.append(.close(oldest))
        }
        return closed
    }
}
