import CardumeCore
import Synchronization

/// Connections shared by many callers, opened when somebody needs them and replaced when they break.
///
/// Callers are served in the order they came. A statement's connection that turns out to have been closed by the server
/// before anything was sent is replaced without the caller noticing.
package final class PostgresPool: Sendable {
    package struct Statistics: Hashable, Sendable {
        package var open: Int
        package var idle: Int
        package var waiting: Int
    }

    private struct Loan: Sendable {
        let id: PostgresPoolMachine.ConnectionID
        let connection: PostgresConnection
        let mustCheck: Bool
    }

    private struct State {
        var machine: PostgresPoolMachine
        var connections: [PostgresPoolMachine.ConnectionID: PostgresConnection] = [:]
        var waiters: [PostgresPoolMachine.WaiterID: CheckedContinuation<Loan, any Error>] = [:]
        var nextWaiter = 0
        var latestError: PostgresError?
        /// Both are turned off for good when a pooler stands between us and the server that has no use for them.
        var usesPreparedStatements = true
        var tellsServerTimeout = true
        /// Those in force first, then those before them: server and files do not change at the same moment.
        var addresses: [PostgresSettings]
        /// Whether the server has ever let anybody in.
        var wasAccepted = false
    }

    /// Of user and password, those at the start.
    package let settings: PostgresSettings
    private let state: Mutex<State>

    package init(_ settings: PostgresSettings) {
        self.settings = settings
        let limits = PostgresPoolMachine.Limits(
            minimum: settings.minimumConnections, maximum: settings.maximumConnections, waiters: settings.waiterLimit,
            idleLifetime: settings.idleLifetime, checkAfter: settings.checkAfter)
        self.state = Mutex(State(machine: PostgresPoolMachine(limits: limits), addresses: [settings]))
    }

    /// From now on new connections use this address, and the one before where the server refuses user or password. Limits stay.
    package func update(_ settings: PostgresSettings) {
        self.state.withLock { state in
            guard let current = state.addresses.first, !current.isReached(like: settings) else { return }
            state.addresses = [settings, current]
        }
    }

    package var statistics: Statistics {
        self.state.withLock {
            Statistics(open: $0.machine.openCount, idle: $0.machine.idleCount, waiting: $0.machine.waitingCount)
        }
    }

    /// Whether statements are prepared; `false` once a pooler has refused one.
    package var usesPreparedStatements: Bool { self.state.withLock { $0.usesPreparedStatements } }

    /// Refuses whoever waits or comes later. Connections on loan are closed when they come back.
    package func close() {
        self.decide { machine, _ in machine.close() }
    }

    // MARK: Statements

    /// - Parameter timeout: for the statement itself; defaults to ``PostgresSettings/statementTimeout``.
    package func query(
        _ statement: PostgresStatement, within timeout: Duration? = nil
    ) async throws(PostgresError) -> PostgresResult {
        try await self.pipeline([statement], within: timeout)[0]
    }

    /// Sends statements in one round trip, as one transaction: all commit or none does.
    ///
    /// - Returns: one result for each.
    /// - Throws: the first error.
    package func pipeline(
        _ statements: [PostgresStatement], within timeout: Duration? = nil
    ) async throws(PostgresError) -> [PostgresResult] {
        let timeout = timeout ?? self.settings.statementTimeout
        // Every idle connection may be dead after the server was away; the attempt after that has a new one.
        var attemptsLeft = self.settings.maximumConnections
        while true {
            let loan = try await self.borrow()
            let isPrepared = self.usesPreparedStatements
            do {
                defer { self.giveBack(loan, isUsable: loan.connection.isUsable) }
                return try await loan.connection.run(statements, prepared: isPrepared, within: timeout)
            } catch  where error.code == .preparedStatement && isPrepared {
                self.state.withLock { $0.usesPreparedStatements = false }
            } catch  where error.nothingWasSent && attemptsLeft > 0 {
                attemptsLeft -= 1
            }
        }
    }

    /// Lends a connection for as long as `body` runs. One that comes back in the middle of a transaction is closed.
    package func withConnection<Value: Sendable>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let loan = try await self.borrow()
        let result: Result<Value, any Error>
        do { result = .success(try await body(loan.connection)) } catch { result = .failure(error) }
        self.giveBack(loan, isUsable: await loan.connection.isBetweenTransactions())
        return try result.get()
    }

    // MARK: Borrowing

    private func borrow() async throws(PostgresError) -> Loan {
        while true {
            let loan = try await self.wait()
            guard loan.mustCheck else { return loan }
            let sign = PostgresStatement("SELECT 1")
            let timeout = min(self.settings.connectTimeout, self.settings.statementTimeout)
            if (try? await loan.connection.run([sign], prepared: false, within: timeout)) != nil { return loan }
            await loan.connection.close()
            self.giveBack(loan, isUsable: false)
        }
    }

    private func giveBack(_ loan: Loan, isUsable: Bool) {
        self.decide { machine, now in machine.returned(loan.id, isUsable: isUsable, at: now) }
    }

    private func wait() async throws(PostgresError) -> Loan {
        let waiter = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        // Cancelled as soon as the wait is over; a connection that is free at once costs no timer.
        let alarm = Mutex<Task<Void, Never>?>(nil)
        defer { alarm.withLock { $0?.cancel() } }
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    self.state.withLock { $0.waiters[waiter] = continuation }
                    self.decide { machine, now in machine.requested(by: waiter, at: now) }
                    if Task.isCancelled { self.dismiss(waiter, Self.cancelled) }
                    guard self.state.withLock({ $0.waiters[waiter] != nil }) else { return }
                    let timer = Task {
                        guard (try? await Task.sleep(for: self.settings.waitTimeout)) != nil else { return }
                        self.dismiss(waiter, self.exhausted())
                    }
                    alarm.withLock { $0 = timer }
                }
            } onCancel: {
                self.dismiss(waiter, Self.cancelled)
            }
        } catch {
            throw error as? PostgresError ?? Self.cancelled
        }
    }

    private static let cancelled = PostgresError(.cancelled, "the task was cancelled while it waited for a connection")

    private func exhausted() -> PostgresError {
        if let error = self.state.withLock({ $0.machine.openCount == 0 ? $0.latestError : nil }) { return error }
        return PostgresError(
            .poolExhausted,
            "no database connection became free within \(self.settings.waitTimeout) "
                + "(all \(self.settings.maximumConnections) are busy)")
    }

    private func dismiss(_ waiter: PostgresPoolMachine.WaiterID, _ error: PostgresError) {
        let continuation = self.state.withLock { state in
            state.machine.gaveUp(waiter) ? state.waiters.removeValue(forKey: waiter) : nil
        }
        continuation?.resume(throwing: error)
    }

    // MARK: Carrying out decisions

    private func decide(
        _ event: (inout PostgresPoolMachine, ContinuousClock.Instant) -> [PostgresPoolMachine.Action]
    ) {
        let actions = self.state.withLock { event(&$0.machine, .now) }
        for action in actions { self.perform(action) }
    }

    private func perform(_ action: PostgresPoolMachine.Action) {
        switch action {
        case .lend(let id, let waiter, let mustCheck):
            let (connection, continuation) = self.state.withLock {
                ($0.connections[id], $0.waiters.removeValue(forKey: waiter))
            }
            guard let connection, let continuation else { preconditionFailure("\(waiter): is not waiting for \(id)") }
            continuation.resume(returning: Loan(id: id, connection: connection, mustCheck: mustCheck))
        case .refuse(let waiter, let refusal):
            let (continuation, latest) = self.state.withLock { ($0.waiters.removeValue(forKey: waiter), $0.latestError) }
            continuation?.resume(throwing: self.error(refusal, latest))
        case .close(let id):
            guard let connection = self.state.withLock({ $0.connections.removeValue(forKey: id) }) else { return }
            Task { await connection.close() }
        case .open(let id):
            // Its own task: a connection serves whoever waits first, not the caller who made it necessary.
            Task { await self.open(id) }
        case .wakeUp(let delay):
            Task {
                try? await Task.sleep(for: delay)
                self.decide { machine, now in machine.wakeUp(at: now) }
            }
        }
    }

    private func error(_ refusal: PostgresPoolMachine.Refusal, _ latest: PostgresError?) -> PostgresError {
        switch refusal {
        case .closed: PostgresError(.poolClosed, "the connections to the database were closed")
        case .tooManyWaiters:
            PostgresError(.poolExhausted, "\(self.settings.waiterLimit) callers are waiting for a database connection already")
        case .cannotConnect: latest ?? PostgresError(.connection, "cannot connect to the database")
        }
    }

    private func open(_ id: PostgresPoolMachine.ConnectionID) async {
        do {
            let connection = try await self.connect(id)
            self.state.withLock { state in
                state.connections[id] = connection
                state.wasAccepted = true
            }
            self.decide { machine, now in machine.opened(id, at: now) }
        } catch {
            self.state.withLock { $0.latestError = error }
            self.decide { machine, now in
                var generator = SystemRandomNumberGenerator()
                return machine.openFailed(id, at: now, using: &generator)
            }
        }
    }

    private func connect(_ id: PostgresPoolMachine.ConnectionID) async throws(PostgresError) -> PostgresConnection {
        var refusal: PostgresError?
        for address in self.state.withLock({ $0.addresses }) {
            do {
                return try await self.connect(id, address)
            } catch {
                guard error.code == .authentication else { throw error }
                refusal = refusal ?? error
            }
        }
        guard var refusal else { preconditionFailure("no address") }
        // The password may be being changed: nothing to give up for.
        if self.state.withLock({ $0.wasAccepted }) { refusal.code = .connection }
        throw refusal
    }

    private func connect(
        _ id: PostgresPoolMachine.ConnectionID, _ address: PostgresSettings
    ) async throws(PostgresError) -> PostgresConnection {
        let tellsServerTimeout = self.state.withLock { $0.tellsServerTimeout }
        do {
            return try await PostgresConnection.connect(
                address, number: id, withServerTimeout: tellsServerTimeout)
        } catch  where error.code == .refusedParameter && tellsServerTimeout {
            self.state.withLock { $0.tellsServerTimeout = false }
            return try await PostgresConnection.connect(address, number: id, withServerTimeout: false)
        }
    }
}
