import Foundation

/// A real PostgreSQL of one's own, in a temporary folder, on a free port of 127.0.0.1, with one empty database `cardume`
/// owned by the superuser `postgres`.
///
/// Killed, and its folder removed, when this object goes away or this process ends, in whatever way. Runs as `postgres` or
/// `nobody` when this process is root's.
public final class PostgresServer: Sendable {
    public enum Authentication: Sendable {
        /// Whoever comes is let in.
        case trust
        /// SCRAM-SHA-256 with the password in ``PostgresServer/url``.
        case scram
    }

    public struct Options: Sendable {
        /// Defaults to ``Authentication/trust``.
        public var authentication: Authentication
        /// Whether commits wait for the disk. Without it nothing is lost when the server dies, only when the machine does.
        /// Defaults to `false`.
        public var fsync: Bool
        /// Defaults to 100.
        public var maximumConnections: Int
        /// Further settings, by name (`["statement_timeout": "5s"]`). Defaults to none.
        public var settings: [String: String]

        public init(
            authentication: Authentication = .trust, fsync: Bool = false, maximumConnections: Int = 100,
            settings: [String: String] = [:]
        ) {
            self.authentication = authentication
            self.fsync = fsync
            self.maximumConnections = maximumConnections
            self.settings = settings
        }
    }

    static let password = "peixe"
    private static let package = "postgresql"

    public let options: Options
    private let host: ServerHost
    private let binary: String
    private let client: String

    private init(_ options: Options) async throws {
        self.options = options
        self.binary = try Binary.find("postgres", package: Self.package)
        self.client = try Binary.find("psql", package: Self.package)
        let initdb = try Binary.find("initdb", package: Self.package)
        self.host = try ServerHost(name: "postgres")
        try self.host.write(Self.password, to: "password")
        let method = options.authentication == .trust ? "trust" : "scram-sha-256"
        // Half a second: not worth a cached template.
        _ = try await Command.run(
            Unprivileged.command([
                initdb, "--no-sync", "-A", method, "-U", "postgres", "--pwfile=\(self.folder)/password", "--locale=C", "-E",
                "UTF8", "-D", self.data,
            ]), folder: self.folder)
    }

    /// Returns once the server answers and its database exists.
    ///
    /// - Throws: ``ServerError`` when a program is missing, or with the log's end when the server does not start.
    public static func start(_ options: Options = Options()) async throws -> PostgresServer {
        let server = try await PostgresServer(options)
        try await server.launch(database: "postgres")
        try await server.psql("CREATE DATABASE cardume", database: "postgres")
        return server
    }

    /// Copies a server that runs, and follows it from then on.
    ///
    /// - Returns: once the copy answers. Nothing can be changed there.
    public static func startStandby(of primary: PostgresServer) async throws -> PostgresServer {
        let standby = try await PostgresServer(copyOf: primary)
        try await standby.launch(database: "cardume")
        return standby
    }

    private init(copyOf primary: PostgresServer) async throws {
        self.options = primary.options
        self.binary = primary.binary
        self.client = primary.client
        self.host = try ServerHost(name: "standby")
        let copy = try Binary.find("pg_basebackup", package: Self.package)
        _ = try await Command.run(
            Unprivileged.command([
                copy, "-d", primary.url(port: primary.port, database: "postgres"), "-D", self.data, "-R", "-X", "stream",
                "-c", "fast", "--no-sync",
            ]), folder: self.folder)
    }

    /// The same over the server's whole life.
    public var port: Int { self.host.port }
    /// Holds `data` and `server.log`.
    public var folder: String { self.host.folder }
    public var logFile: String { self.host.logFile }
    public var isRunning: Bool { self.host.isRunning }
    /// The postmaster's; `nil` while it does not run.
    public var processID: Int32? { self.host.processID }
    private var data: String { "\(self.folder)/data" }

    /// `postgres://postgres[:password]@127.0.0.1:port/cardume`
    public var url: String { self.url(port: self.port, database: "cardume") }

    func url(port: Int, database: String) -> String {
        let password = self.options.authentication == .scram ? ":\(Self.password)" : ""
        return "postgres://postgres\(password)@127.0.0.1:\(port)/\(database)"
    }

    /// What `psql` prints: a line per row, columns separated by `|`. Several statements are one transaction.
    ///
    /// - Throws: ``ServerError`` with PostgreSQL's words.
    @discardableResult
    public func psql(_ sql: String) async throws -> String {
        try await self.psql(sql, database: "cardume")
    }

    @discardableResult
    private func psql(_ sql: String, database: String) async throws -> String {
        try await self.psql(sql, url: self.url(port: self.port, database: database))
    }

    func psql(_ sql: String, url: String) async throws -> String {
        try await Command.run([self.client, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
    }

    /// Returns when the server and all its backends are gone.
    public func kill9() async throws { try await self.host.kill9() }

    /// Freezes the server and its backends (SIGSTOP): connections stay and are accepted, nothing is answered.
    public func pause() { self.host.pause() }

    /// Ends a ``pause()``.
    public func resume() { self.host.resume() }

    /// Starts the server again; first stops it properly, cutting its connections, when it runs.
    public func restart() async throws {
        await self.host.stop(SIGINT)
        try await self.launch(database: "cardume")
    }

    /// As `pg_ctl -m immediate` and start: cuts all connections, keeps only what is in the write-ahead log.
    public func restartImmediately() async throws {
        await self.host.stop(SIGQUIT)
        try await self.launch(database: "cardume")
    }

    private func launch(database: String) async throws {
        var settings = [
            "listen_addresses": "127.0.0.1", "port": "\(self.port)", "unix_socket_directories": "",
            "fsync": self.options.fsync ? "on" : "off", "max_connections": "\(self.options.maximumConnections)",
        ]
        settings.merge(self.options.settings) { _, new in new }
        let arguments = settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
        try await self.host.launch(Unprivileged.command([self.binary, "-D", self.data] + arguments)) {
            (try? await self.psql("SELECT 1", database: database)) == "1"
        }
    }
}
