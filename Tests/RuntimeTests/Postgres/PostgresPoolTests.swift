import CardumeCore
import Foundation
import Testing

@testable import CardumeRuntime

@Suite(.enabled(if: PostgresTestServer.isInstalled, "PostgreSQL is not installed"), .serialized)
struct PostgresPoolTests {
    private let server: PostgresTestServer

    init() throws { self.server = try PostgresTestServer.shared.get() }

    @Test func manyCallersShareFewConnections() async throws {
        let pool = try await self.server.pool { $0.maximumConnections = 3 }
        let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
            for index in 0..<500 {
                group.addTask {
                    try await pool.query(PostgresStatement("SELECT $1::int8", [.int(Int64(index))]))[0].int(0) ?? 0
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 500 * 499 / 2)
        #expect(pool.statistics.open <= 3)
        #expect(pool.statistics.waiting == 0)
        pool.close()
    }

    @Test func waitingHasALimitAndCanBeCancelled() async throws {
        let pool = try await self.server.pool {
            $0.maximumConnections = 1
            $0.waitTimeout = .milliseconds(200)
        }
        try await pool.withConnection { _ in
            do {
                _ = try await pool.query(PostgresStatement("SELECT 1"))
                Issue.record("there was no connection to be had")
            } catch {
                #expect((error as? PostgresError)?.code == .poolExhausted)
            }
        }
        let patient = try await self.server.pool { $0.maximumConnections = 1 }
        try await patient.withConnection { _ in
            let task = Task { try await patient.query(PostgresStatement("SELECT 1")) }
            #expect(await eventually { patient.statistics.waiting == 1 })
            task.cancel()
            await #expect { try await task.value } throws: { ($0 as? PostgresError)?.code == .cancelled }
            #expect(patient.statistics.waiting == 0)
        }
        #expect(try await patient.query(PostgresStatement("SELECT 1")).count == 1)
        pool.close()
        patient.close()
        await #expect { try await patient.query(PostgresStatement("SELECT 1")) } throws: {
            ($0 as? PostgresError)?.code == .poolClosed
        }
    }

    @Test func aConnectionLeftInATransactionIsNotLentAgain() async throws {
        let pool = try await self.server.pool { $0.maximumConnections = 1 }
        let first = try await pool.withConnection { connection in
            try await connection.run(
                [PostgresStatement("BEGIN"), PostgresStatement("SELECT pg_backend_pid()")], prepared: false,
                within: .seconds(5))[1][0].int(0)
        }
        #expect(try await pool.query(PostgresStatement("SELECT pg_backend_pid()"))[0].int(0) != first)
        pool.close()
    }

    @Test func longIdleConnectionsAreCheckedBeforeUse() async throws {
        let pool = try await self.server.pool { $0.checkAfter = .zero }
        for _ in 0..<3 { #expect(try await pool.query(PostgresStatement("SELECT 1")).count == 1) }
        #expect(pool.statistics.open == 1)
        pool.close()
    }

    @Test func statementsArePreparedOnce() async throws {
        let pool = try await self.server.pool { $0.maximumConnections = 1 }
        let statement = PostgresStatement("SELECT $1::int8 + 1", [.int(1)])
        for _ in 0..<3 { _ = try await pool.pipeline([statement, statement]) }
        let names = try await pool.query(
            PostgresStatement("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int8 + 1'"))
        #expect(names[0].int(0) == 1)
        pool.close()
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/pgbouncer"), "pgbouncer is not installed"))
    func aPoolerInTransactionModeIsGotAlongWith() async throws {
        let database = try await self.server.newDatabase()
        let bouncer = try PgBouncer(self.server, size: 3)
        defer { bouncer.stop() }
        let pools = [
            try await self.server.pool(database, port: bouncer.port) { $0.maximumConnections = 8 },
            try await self.server.pool(database, port: bouncer.port) { $0.maximumConnections = 8 },
        ]
        _ = try await pools[0].query(PostgresStatement("CREATE TABLE t (x int8 PRIMARY KEY, y int8)"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<600 {
                group.addTask {
                    let value = PostgresParameter.int(Int64(index))
                    let results = try await pools[index % 2].pipeline([
                        PostgresStatement("INSERT INTO t VALUES ($1, $1)", [value]),
                        PostgresStatement("UPDATE t SET y = y + 1 WHERE x = $1", [value]),
                        PostgresStatement("SELECT y FROM t WHERE x = $1", [value]),
                    ])
                    #expect(results[2][0].int(0) == Int64(index + 1))
                }
            }
            try await group.waitForAll()
        }
        let row = try await pools[0].query(PostgresStatement("SELECT count(*), sum(y - x)::int8 FROM t"))[0]
        #expect(row.int(0) == 600)
        #expect(row.int(1) == 600)
        #expect(pools.contains { !$0.usesPreparedStatements })
        for pool in pools { pool.close() }
    }
}

/// PgBouncer in transaction mode before a test server.
struct PgBouncer {
    let port: Int
    private let process: Process

    init(_ server: PostgresTestServer, size: Int) throws {
        self.port = PostgresTestServer.freePort()
        let file = "\(server.folder)/pgbouncer-\(self.port).ini"
        try """
        [databases]
        * = user=cardume host=127.0.0.1 port=\(server.port)
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = \(self.port)
        unix_socket_dir =
        auth_type = any
        pool_mode = transaction
        default_pool_size = \(size)
        max_client_conn = 100
        """.write(toFile: file, atomically: true, encoding: .utf8)
        chmod(file, 0o644)
        self.process = try PostgresTestServer.start(["/usr/sbin/pgbouncer", file])
        let id = self.process.processIdentifier
        PostgresTestServer.atEnd { kill(id, SIGKILL) }
    }

    func stop() { self.process.terminate() }
}
