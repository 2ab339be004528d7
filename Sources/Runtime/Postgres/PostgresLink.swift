import CPostgres
import CardumeCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What one round trip expects and how far it came.
struct PostgresExchange {
    enum Expected {
        case preparation(String)
        case rows
    }

    let deadline: ContinuousClock.Instant
    var expected: [Expected] = []
    /// Everything, the final synchronisation included, is with the kernel: the server may have committed.
    var isFlushed = false

    init(deadline: ContinuousClock.Instant) {
        self.deadline = deadline
    }

    func isPreparing(_ name: String) -> Bool {
        self.expected.contains { if case .preparation(name) = $0 { true } else { false } }
    }
}

/// A `PGconn` whose every wait has a deadline. Belongs to one ``PostgresConnection``.
final class PostgresLink {
    private let connection: OpaquePointer
    /// The server has said, while nothing was asked of it, that it ends the connection.
    private var isDismissed = false

    /// Connects, and enters non-blocking pipeline mode.
    init(_ parameters: [(String, String)], until deadline: ContinuousClock.Instant) throws(PostgresError) {
        let keywords = parameters.map { strdup($0.0) }
        let values = parameters.map { strdup($0.1) }
        defer { for text in keywords + values { free(text) } }
        let connection = PQconnectStartParams(
            keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
        guard let connection else { throw PostgresError(.resources, "out of memory") }
        self.connection = connection
        PQsetNoticeReceiver(connection, Self.receiveNotice, Unmanaged.passUnretained(self).toOpaque())
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        guard PQstatus(connection) != CONNECTION_BAD else { throw self.connectError() }
        var step = PGRES_POLLING_WRITING
        while step != PGRES_POLLING_OK {
            do {
                _ = try self.wait(for: step == PGRES_POLLING_READING ? POLLIN : POLLOUT, until: deadline)
            } catch {
                throw PostgresError(.connection, "no answer to the connection attempt in time")
            }
            step = PQconnectPoll(connection)
            if step == PGRES_POLLING_FAILED { throw self.connectError() }
        }
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else { throw self.broken() }
        PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
    }

    deinit {
        PQfinish(self.connection)
    }

    var isBetweenTransactions: Bool { PQtransactionStatus(self.connection) == PQTRANS_IDLE }

    /// Asks the server, through another connection, to give up what it is doing.
    func cancel() {
        guard let request = PQgetCancel(self.connection) else { return }
        PostgresCancellation.send(request)
    }

    // MARK: Sending

    /// Finds out without waiting whether the server has hung up since the last call.
    func checkIdle() throws(PostgresError) {
        var descriptor = pollfd(fd: PQsocket(self.connection), events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) != 0 else { return }
        // `PQisBusy` reads what has come. Anything but a farewell may be passed over: a changed parameter, a TLS ticket.
        guard PQconsumeInput(self.connection) == 1, PQisBusy(self.connection) == 0, !self.isDismissed else {
            var error = self.broken()
            error.nothingWasSent = true
            throw error
        }
    }

    private static let receiveNotice: PQnoticeReceiver = { link, notice in
        guard let link, let severity = PQresultErrorField(notice, Int32(UInt8(ascii: "V"))) else { return }
        guard strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0 else { return }
        Unmanaged<PostgresLink>.fromOpaque(link).takeUnretainedValue().isDismissed = true
    }

    func prepare(_ sql: PostgresStatement.SQL, _ parameters: EncodedParameters) throws(PostgresError) {
        try self.require(
            PQsendPrepare(self.connection, sql.name, sql.text, Int32(parameters.types.count), parameters.types))
    }

    func execute(_ name: String, _ parameters: EncodedParameters) throws(PostgresError) {
        let sent = parameters.withPointers { values in
            PQsendQueryPrepared(
                self.connection, name, Int32(values.count), values, parameters.lengths, parameters.formats, 1)
        }
        try self.require(sent)
    }

    func execute(unprepared sql: String, _ parameters: EncodedParameters) throws(PostgresError) {
        let sent = parameters.withPointers { values in
            PQsendQueryParams(
                self.connection, sql, Int32(values.count), parameters.types, values, parameters.lengths,
                parameters.formats, 1)
        }
        try self.require(sent)
    }

    func sync() throws(PostgresError) {
        try self.require(PQpipelineSync(self.connection))
    }

    /// Outside of pipeline mode, where several commands may come in one text.
    func runScript(_ sql: String, until deadline: ContinuousClock.Instant) throws(PostgresError) {
        try self.require(PQexitPipelineMode(self.connection))
        try self.require(PQsendQuery(self.connection, sql))
        var exchange = PostgresExchange(deadline: deadline)
        var failure: PostgresError?
        while let result = try self.next(&exchange) {
            failure = failure ?? self.error(in: result)
            PQclear(result)
            if let failure, failure.code.endsConnection { throw failure }
        }
        try self.require(PQenterPipelineMode(self.connection))
        if let failure { throw failure }
    }

    // MARK: Receiving

    /// The next result; `nil` after the last of a statement.
    func next(_ exchange: inout PostgresExchange) throws(PostgresError) -> OpaquePointer? {
        while true {
            if !exchange.isFlushed {
                switch PQflush(self.connection) {
                case 0: exchange.isFlushed = true
                case 1: break
                default: throw self.broken()
                }
            }
            if PQisBusy(self.connection) == 0 { return PQgetResult(self.connection) }
            let ready = try self.wait(for: exchange.isFlushed ? POLLIN : POLLIN | POLLOUT, until: exchange.deadline)
            if ready & Int32(POLLOUT) != ready, PQconsumeInput(self.connection) == 0 { throw self.broken() }
        }
    }

    /// `nil` when `result` is no error.
    func error(in result: OpaquePointer) -> PostgresError? {
        guard PQresultStatus(result) == PGRES_FATAL_ERROR else { return nil }
        guard let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))) else {
            return PostgresError(.connection, self.message())
        }
        let message = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) } ?? "no message"
        return PostgresError(sqlState: String(cString: state), message: message)
    }

    private func wait(for events: Int32, until deadline: ContinuousClock.Instant) throws(PostgresError) -> Int32 {
        var descriptor = pollfd(fd: PQsocket(self.connection), events: Int16(events), revents: 0)
        while true {
            // Rounded up: the last fraction of a millisecond must not become a busy loop.
            let left = max((deadline - .now).milliseconds + 1, 0)
            let count = poll(&descriptor, 1, Int32(min(left, 60_000)))
            if count > 0 { return Int32(descriptor.revents) }
            // Asked once more after a stop of this process: the answer may be there although the time is over.
            if count == 0, .now >= deadline {
                throw PostgresError(.timedOut, "no answer from the database in time")
            }
            guard count == 0 || errno == EINTR else { throw self.broken() }
        }
    }

    private func require(_ succeeded: Int32) throws(PostgresError) {
        guard succeeded == 1 else {
            throw PQstatus(self.connection) == CONNECTION_OK
                ? PostgresError(.programmer, self.message()) : self.broken()
        }
    }

    private func broken() -> PostgresError {
        PostgresError(.connection, "the connection to the database broke: \(self.message())")
    }

    private func message() -> String { String(cString: PQerrorMessage(self.connection)) }

    /// libpq has no SQLSTATE of a refused connection but in its words, which ``init`` makes it write there.
    private func connectError() -> PostgresError {
        let lines = self.message().split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
        let message = "cannot connect to the database: \(lines.joined(separator: "\n"))"
        guard let state = message.firstMatch(of: #/:  ([0-9A-Z]{5}):/#) else { return PostgresError(.connection, message) }
        var error = PostgresError(sqlState: String(state.1), message: message)
        error.message = PostgresError(error.code, message.replacing(state.0, with: ":")).message
        return error
    }
}
