import CardumeTesting
import Synchronization

@testable import CardumeRuntime

/// A PostgreSQL server for tests of the client, and a database for each that wants one.
final class PostgresTestServer: Sendable {
    private static let starting = Task { try await PostgresTestServer() }

    /// The one that the tests of this process share.
    static func shared() async throws -> PostgresTestServer { try await self.starting.value }

    let server: PostgresServer
    private let databases = Atomic(0)

    var port: Int { self.server.port }

    /// - Parameter settings: of the server, by name.
    init(_ settings: [String: String] = [:]) async throws {
        self.server = try await PostgresServer.start(PostgresServer.Options(maximumConnections: 60, settings: settings))
    }

    func url(_ database: String = "postgres") -> String {
        "postgres://postgres@127.0.0.1:\(self.port)/\(database)"
    }

    func pool(
        _ database: String = "postgres", _ adjust: (inout PostgresSettings) -> Void = { _ in }
    ) throws -> PostgresPool {
        var settings = try PostgresSettings(url: self.url(database))
        adjust(&settings)
        return PostgresPool(settings)
    }

    /// The name of a new, empty database.
    func newDatabase() async throws -> String {
        let name = "test\(self.databases.add(1, ordering: .relaxed).newValue)"
        let pool = try self.pool()
        defer { pool.close() }
        _ = try await pool.query(PostgresStatement("CREATE DATABASE \(name)"))
        return name
    }
}
