import CardumeCore
import CardumeTesting
import Foundation
import Testing

@testable import CardumeRuntime

@Suite(.serialized)
struct PostgresPoolTests {
    private let server: PostgresTestServer

    init() async throws { self.server = try await PostgresTestServer.shared() }

    @Test func manyCallersShareFewConnections() async throws {
        let pool = try self.server.pool { $0.maximumConnections = 3 }
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
        let pool = try self.server.pool {
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
        let patient = try self.server.pool { $0.maximumConnections = 1 }
        try await patient.withConnection { _ in
            let task = Task { try await patient.query(PostgresStatement("SELECT 1")) }
            try await Waiting.until("a waiter") { patient.statistics.waiting == 1 }
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
        let pool = try self.server.pool { $0.maximumConnections = 1 }
        let first = try await pool.withConnection { connection in
            try await connection.run(
                [PostgresStatement("BEGIN"), PostgresStatement("SELECT pg_backend_pid()")], prepared: false,
                within: .seconds(5))[1][0].int(0)
        }
        #expect(try await pool.query(PostgresStatement("SELECT pg_backend_pid()"))[0].int(0) != first)
        pool.close()
    }

    @Test func longIdleConnectionsAreCheckedBeforeUse() async throws {
        let pool = try self.server.pool { $0.checkAfter = .zero }
        for _ in 0..<3 { #expect(try await pool.query(PostgresStatement("SELECT 1")).count == 1) }
        #expect(pool.statistics.open == 1)
        pool.close()
    }

    @Test func statementsArePreparedOnce() async throws {
        let pool = try self.server.pool { $0.maximumConnections = 1 }
        let statement = PostgresStatement("SELECT $1::int8 + 1", [.int(1)])
        for _ in 0..<3 { _ = try await pool.pipeline([statement, statement]) }
        let names = try await pool.query(
            PostgresStatement("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int8 + 1'"))
        #expect(names[0].int(0) == 1)
        pool.close()
    }

    @Test func aPoolerInTransactionModeIsGotAlongWith() async throws {
        let postgres = try await PostgresServer.start()
        let bouncer = try await PgBouncerServer.start(before: postgres, PgBouncerServer.Options(poolSize: 3))
        var settings = try PostgresSettings(url: bouncer.url)
        settings.maximumConnections = 8
        let pools = [PostgresPool(settings), PostgresPool(settings)]
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
