import Foundation

/// A real PgBouncer in transaction mode before a ``PostgresServer``, on a free port of 127.0.0.1.
///
/// Killed, and its folder removed, when this object goes away or this process ends, in whatever way.
public final class PgBouncerServer: Sendable {
    public struct Options: Sendable {
        /// Connections to PostgreSQL. Defaults to 10.
        public var poolSize: Int
        /// Connections from clients. Defaults to 500.
        public var maximumClients: Int
        /// Further settings, by name. Defaults to none.
        public var settings: [String: String]

        public init(poolSize: Int = 10, maximumClients: Int = 500, settings: [String: String] = [:]) {
            self.poolSize = poolSize
            self.maximumClients = maximumClients
            self.settings = settings
        }
    }

    /// The server behind it.
    public let postgres: PostgresServer
    private let host: ServerHost
    private let binary: String

    private init(_ postgres: PostgresServer, _ options: Options) throws {
        self.postgres = postgres
        self.binary = try Binary.find("pgbouncer", package: "pgbouncer")
        self.host = try ServerHost(name: "pgbouncer")
        try self.host.write("\"postgres\" \"\(PostgresServer.password)\"\n", to: "users.txt")
        var settings = [
            "listen_addr": "127.0.0.1", "listen_port": "\(self.port)", "unix_socket_dir": "", "pool_mode": "transaction",
            "auth_type": postgres.options.authentication == .scram ? "scram-sha-256" : "trust",
            "auth_file": "\(self.host.folder)/users.txt", "admin_users": "postgres",
            "default_pool_size": "\(options.poolSize)", "max_client_conn": "\(options.maximumClients)",
            "ignore_startup_parameters": "extra_float_digits",
        ]
        settings.merge(options.settings) { _, new in new }
        let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
        let database = "cardume = host=127.0.0.1 port=\(postgres.port) dbname=cardume"
        try self.host.write("[databases]\n\(database)\n[pgbouncer]\n\(lines.joined(separator: "\n"))\n", to: "pgbouncer.ini")
    }

    /// Returns once PostgreSQL answers through it.
    ///
    /// - Throws: ``ServerError`` when a program is missing, or with the log's end when it does not start.
    public static func start(
        before postgres: PostgresServer, _ options: Options = Options()
    ) async throws -> PgBouncerServer {
        let server = try PgBouncerServer(postgres, options)
        try await server.launch()
        return server
    }

    /// The same over the server's whole life.
    public var port: Int { self.host.port }
    public var logFile: String { self.host.logFile }
    public var isRunning: Bool { self.host.isRunning }
    public var processID: Int32? { self.host.processID }
    /// As ``PostgresServer/url``, with this server's port.
    public var url: String { self.postgres.url(port: self.port, database: "cardume") }

    /// See ``PostgresServer/psql(_:)``; through this server.
    @discardableResult
    public func psql(_ sql: String) async throws -> String { try await self.postgres.psql(sql, url: self.url) }

    /// Returns when the server is gone.
    public func kill9() async throws { try await self.host.kill9() }

    /// Freezes the server (SIGSTOP).
    public func pause() { self.host.pause() }

    /// Ends a ``pause()``.
    public func resume() { self.host.resume() }

    /// Starts the server again; stops it first when it runs, cutting its connections.
    public func restart() async throws {
        await self.host.stop(SIGTERM)
        try await self.launch()
    }

    private func launch() async throws {
        try await self.host.launch(Unprivileged.command([self.binary, "\(self.host.folder)/pgbouncer.ini"])) {
            (try? await self.psql("SELECT 1")) == "1"
        }
    }
}
