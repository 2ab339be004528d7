import CPostgres
import CardumeCore
import Synchronization

/// One connection to PostgreSQL, with a thread of its own. The `PGconn` never leaves it.
///
/// Everything goes through libpq's pipeline mode: statements sent together are one round trip and, unless a `BEGIN` stands
/// before them, one transaction. Nothing here awaits, so calls never overlap. A call that runs is not interrupted by the
/// cancellation of its task, because its outcome would then be unknown for no reason; deadlines bound it.
///
/// No session state is used (no `SET`, `LISTEN`, session locks, temporary tables), so a pooler may give each transaction
/// another session.
package actor PostgresConnection {
    private let thread: PostgresThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.thread.asUnownedSerialExecutor() }

    /// `nil` once closed.
    private var link: PostgresLink?
    /// Names the server knows.
    private var prepared: Set<String> = []
    private let usable = Atomic(true)

    /// Whether another call makes sense. `false` for ever once it is.
    package nonisolated var isUsable: Bool { self.usable.load(ordering: .relaxed) }

    private init(number: Int) {
        self.thread = PostgresThread(label: "cardume.postgres.\(number)")
    }

    /// Connects.
    ///
    /// - Parameters:
    ///   - number: for the thread's name.
    ///   - withServerTimeout: see ``PostgresSettings/statementTimeout``.
    package static func connect(
        _ settings: PostgresSettings, number: Int = 0, withServerTimeout: Bool = true
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = PostgresConnection(number: number)
        try await connection.open(
            settings.connectionParameters(withServerTimeout: withServerTimeout), within: settings.connectTimeout)
        return connection
    }

    private func open(_ parameters: [(String, String)], within timeout: Duration) throws(PostgresError) {
        self.link = try PostgresLink(parameters, until: .now + timeout)
    }

    /// Sends `statements` together and returns one result for each.
    ///
    /// - Parameters:
    ///   - prepared: whether statements are prepared under their names on first use.
    ///   - timeout: for all of them.
    /// - Throws: the first error. Outside of ``transaction(within:_:)``, nothing has happened then, unless
    ///   ``PostgresError/outcomeIsUnknown`` says otherwise.
    package func run(
        _ statements: [PostgresStatement], prepared: Bool, within timeout: Duration
    ) throws(PostgresError) -> [PostgresResult] {
        var exchange = PostgresExchange(deadline: .now + timeout)
        return try self.using { (link) throws(PostgresError) in
            try link.checkIdle()
            for statement in statements {
                try self.send(statement, prepared: prepared, link, &exchange)
            }
            try link.sync()
            return try self.results(link, &exchange)
        }
    }

    /// Runs several commands separated by semicolons, for migrations. Their rows are dropped.
    package func runScript(_ sql: String, within timeout: Duration) throws(PostgresError) {
        try self.using { (link) throws(PostgresError) in
            try link.checkIdle()
            try link.runScript(sql, until: .now + timeout)
        }
    }

    /// Runs `body` between `BEGIN` and `COMMIT`; rolls back when it throws. For migrations and maintenance: statements
    /// should be run unprepared, because a pooler's refusal of a prepared one ends the transaction.
    package func transaction<Value: Sendable>(
        within timeout: Duration, _ body: @Sendable (isolated PostgresConnection) throws -> Value
    ) throws -> Value {
        _ = try self.run([PostgresStatement("BEGIN")], prepared: false, within: timeout)
        do {
            let value = try body(self)
            _ = try self.run([PostgresStatement("COMMIT")], prepared: false, within: timeout)
            return value
        } catch {
            if self.isUsable { _ = try? self.run([PostgresStatement("ROLLBACK")], prepared: false, within: timeout) }
            throw error
        }
    }

    /// Whether no transaction was left open; asked before the connection is given to somebody else.
    package func isBetweenTransactions() -> Bool { self.link?.isBetweenTransactions ?? false }

    package func close() {
        self.usable.store(false, ordering: .relaxed)
        self.link = nil
    }

    // MARK: One exchange

    private func using<Value>(
        _ body: (PostgresLink) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        guard let link = self.link else {
            var error = PostgresError(.connection, "the connection was closed before")
            error.nothingWasSent = true
            throw error
        }
        do {
            return try body(link)
        } catch {
            if error.code == .timedOut { link.cancel() }
            if error.code.endsConnection { self.close() }
            throw error
        }
    }

    private func send(
        _ statement: PostgresStatement, prepared: Bool, _ link: PostgresLink, _ exchange: inout PostgresExchange
    ) throws(PostgresError) {
        let parameters = EncodedParameters(statement.parameters)
        if prepared {
            if !self.prepared.contains(statement.sql.name), !exchange.isPreparing(statement.sql.name) {
                try link.prepare(statement.sql, parameters)
                exchange.expected.append(.preparation(statement.sql.name))
            }
            try link.execute(statement.sql.name, parameters)
        } else {
            try link.execute(unprepared: statement.sql.text, parameters)
        }
        exchange.expected.append(.rows)
    }

    private func results(
        _ link: PostgresLink, _ exchange: inout PostgresExchange
    ) throws(PostgresError) -> [PostgresResult] {
        var results: [PostgresResult] = []
        var failure: PostgresError?
        do throws(PostgresError) {
            for expected in exchange.expected {
                while let result = try link.next(&exchange) {
                    if let error = link.error(in: result) {
                        PQclear(result)
                        if failure == nil { failure = error }
                        if error.code.endsConnection { throw error }
                    } else if case .preparation(let name) = expected {
                        // An aborted pipeline's rest has a status of its own and prepared nothing.
                        if PQresultStatus(result) == PGRES_COMMAND_OK { self.prepared.insert(name) }
                        PQclear(result)
                    } else {
                        results.append(PostgresResult(result))
                    }
                }
            }
            // Errors of the commit itself (deferred constraints) come in place of the synchronisation.
            while let result = try link.next(&exchange) {
                let isSynchronised = PQresultStatus(result) == PGRES_PIPELINE_SYNC
                let error = isSynchronised ? nil : link.error(in: result)
                PQclear(result)
                if isSynchronised { break }
                failure = failure ?? error
            }
        } catch {
            // A statement the server had refused before the connection broke took its transaction with it.
            if let failure, !failure.code.endsConnection { throw failure }
            var error = error
            error.outcomeIsUnknown = exchange.isFlushed
            throw error
        }
        if let failure { throw failure }
        return results
    }
}
