import CardumeCore
import CardumeTesting
import Foundation
import Testing

@testable import CardumeRuntime

#if canImport(Glibc)
import Glibc
#endif

@Suite(.serialized)
struct PostgresConnectionTests {
    private let server: PostgresTestServer

    init() async throws { self.server = try await PostgresTestServer.shared() }

    private func code(_ body: () async throws -> Void) async -> PostgresError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? PostgresError)?.code
        }
    }

    @Test func valuesComeBackAsTheyWent() async throws {
        let pool = try self.server.pool()
        let text = "é ≠ e\u{301}\r\n👩‍👩‍👧‍👦"
        let row = try await pool.query(
            PostgresStatement(
                "SELECT $1::text, $2::int8, $3::float8, $4::bool, $5::bytea, $6::timestamptz, $7::text, $8::int4, '{a,\"\"}'::text[]",
                [
                    .text(text), .int(.min), .double(-0.25), .bool(true), .bytes([0, 255, 0]),
                    .time(Timestamp(milliseconds: 1_795_176_000_123)), .null, .null,
                ]))[0]
        #expect(row.text(0).map { Array($0.utf8) } == Array(text.utf8))
        #expect(row.int(1) == .min)
        #expect(row.double(2) == -0.25)
        #expect(row.bool(3) == true)
        #expect(row.bytes(4) == [0, 255, 0])
        #expect(row.time(5) == Timestamp(milliseconds: 1_795_176_000_123))
        #expect(row.text(6) == nil)
        #expect(row.int(7) == nil)
        #expect(row.texts(8) == ["a", ""])
        pool.close()
    }

    @Test func anEmptyLastValueIsNotNull() async throws {
        let pool = try self.server.pool()
        let row = try await pool.query(
            PostgresStatement("SELECT $1::text IS NULL, $2::bytea IS NULL", [.text(""), .bytes([])]))[0]
        #expect(row.bool(0) == false)
        #expect(row.bool(1) == false)
        pool.close()
    }

    @Test func arraysBecomeRows() async throws {
        var texts = PostgresArray(of: .text)
        var bytes = PostgresArray(of: .bytea)
        var integers = PostgresArray(of: .int8)
        var bools = PostgresArray(of: .bool)
        for index in 0..<3_000 {
            texts.append(index % 3 == 0 ? nil : "t\u{0}\(index)")
            bytes.append(index % 5 == 0 ? nil : "b\u{0}\(index)")
            integers.append(index % 7 == 0 ? nil : Int64(index))
            bools.append(index % 2 == 0)
        }
        let pool = try self.server.pool()
        let rows = try await pool.query(
            PostgresStatement(
                "SELECT * FROM unnest($1::text[], $2::bytea[], $3::int8[], $4::bool[], $5::text[])",
                [.array(texts), .array(bytes), .array(integers), .array(bools), .texts([])]))
        #expect(rows.count == 3_000)
        for (index, row) in rows.enumerated() {
            #expect(row.text(0) == (index % 3 == 0 ? nil : "t\u{FFFD}\(index)"))
            #expect(row.text(1) == (index % 5 == 0 ? nil : "b\u{0}\(index)"))
            #expect(row.int(2) == (index % 7 == 0 ? nil : Int64(index)))
            #expect(row.bool(3) == (index % 2 == 0))
            #expect(row.text(4) == nil)
        }
        pool.close()
    }

    @Test func aPipelineIsOneTransaction() async throws {
        let pool = try self.server.pool(try await self.server.newDatabase())
        _ = try await pool.query(PostgresStatement("CREATE TABLE t (x int8 UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
        let insert = { (value: Int64) in PostgresStatement("INSERT INTO t VALUES ($1)", [.int(value)]) }
        let results = try await pool.pipeline([insert(1), insert(2), PostgresStatement("SELECT count(*) FROM t")])
        #expect(results[0].affectedRows == 1)
        #expect(results[2][0].int(0) == 2)
        let wrong = PostgresStatement("SELECT 1 / $1::int8", [.int(0)])
        #expect(await self.code { _ = try await pool.pipeline([insert(3), wrong, insert(4)]) } == .data)
        // Found only at the commit.
        #expect(await self.code { _ = try await pool.pipeline([insert(5), insert(1)]) } == .constraint)
        #expect(await self.code { _ = try await pool.query(PostgresStatement("SELECT * FROM missing")) } == .undefinedSchema)
        #expect(await self.code { _ = try await pool.query(PostgresStatement("SELEC")) } == .programmer)
        #expect(try await pool.query(PostgresStatement("SELECT count(*) FROM t"))[0].int(0) == 2)
        #expect(pool.statistics.open == 1)
        pool.close()
    }

    @Test func aTransactionIsAllOrNothing() async throws {
        let pool = try self.server.pool(try await self.server.newDatabase())
        let code = await self.code {
            try await pool.withConnection { connection in
                try await connection.transaction(within: .seconds(5)) { connection in
                    try connection.runScript("CREATE TABLE a (); CREATE TABLE b ();", within: .seconds(5))
                    try connection.runScript("CREATE TABLE c (); CREATE TABLE a ();", within: .seconds(5))
                }
            }
        }
        #expect(code == .programmer)
        let tables = try await pool.query(PostgresStatement("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
        #expect(tables[0].int(0) == 0)
        #expect(pool.statistics == PostgresPool.Statistics(open: 1, idle: 1, waiting: 0))
        pool.close()
    }

    @Test func aStatementBeyondItsDeadlineIsCancelledAndItsConnectionReplaced() async throws {
        let pool = try self.server.pool()
        do {
            _ = try await pool.query(PostgresStatement("SELECT pg_sleep(60.25)"), within: .milliseconds(200))
            Issue.record("it did not end")
        } catch {
            #expect(error.code == .timedOut)
            #expect(error.outcomeIsUnknown)
        }
        try await Waiting.until("the statement to be cancelled") {
            let running = PostgresStatement(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%60.2' || '5%'")
            return try await pool.query(running)[0].int(0) == 0
        }
        pool.close()
    }

    @Test func aKilledBackendLeavesTheOutcomeUnknown() async throws {
        let pool = try self.server.pool()
        let other = try self.server.pool()
        async let killed: Void = Waiting.until("the statement to run") {
            try await other.query(
                PostgresStatement(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%61.2' || '5%'"
                )
            ).isEmpty == false
        }
        do {
            _ = try await pool.query(PostgresStatement("SELECT pg_sleep(61.25)"), within: .seconds(30))
            Issue.record("it was not killed")
        } catch {
            #expect(error.code == .connection)
            #expect(error.outcomeIsUnknown)
        }
        try await killed
        #expect(try await pool.query(PostgresStatement("SELECT 1"))[0].int(0) == 1)
        pool.close()
        other.close()
    }

    @Test func connectionsTheServerClosedAreReplacedUnnoticed() async throws {
        let database = try await self.server.newDatabase()
        let pool = try self.server.pool(database)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { _ = try? await pool.query(PostgresStatement("SELECT pg_sleep(0.1)")) } }
        }
        #expect(pool.statistics.open == 4)
        let other = try self.server.pool()
        let kill = PostgresStatement(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", [.text(database)])
        #expect(try await other.query(kill).count >= 4)
        #expect(try await pool.query(PostgresStatement("SELECT 1"))[0].int(0) == 1)
        pool.close()
        other.close()
    }

    @Test func aFrozenServerIsNoticed() async throws {
        let server = try await PostgresTestServer()
        let pool = try server.pool { $0.connectTimeout = .milliseconds(300) }
        _ = try await pool.query(PostgresStatement("SELECT 1"))
        server.server.pause()
        defer { server.server.resume() }
        let timedOut = await self.code { _ = try await pool.query(PostgresStatement("SELECT 1"), within: .milliseconds(200)) }
        #expect(timedOut == .timedOut)
        let refused = await self.code { _ = try await pool.query(PostgresStatement("SELECT 1"), within: .milliseconds(200)) }
        #expect(refused == .connection)
        server.server.resume()
        _ = try await Waiting.value(of: "an answer") { try await pool.query(PostgresStatement("SELECT 1")) }
        pool.close()
    }

    @Test func aFullServerSaysSo() async throws {
        let server = try await PostgresTestServer([
            "superuser_reserved_connections": "0", "max_connections": "2", "max_wal_senders": "0",
        ])
        let first = try server.pool { $0.maximumConnections = 2 }
        try await Waiting.until("two connections") {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<2 { group.addTask { _ = try? await first.query(PostgresStatement("SELECT pg_sleep(0.1)")) } }
            }
            return first.statistics.open == 2
        }
        let settings = try PostgresSettings(url: server.url())
        #expect(await self.code { _ = try await PostgresConnection.connect(settings) } == .tooManyConnections)
        first.close()
    }

    @Test func addressesAreCheckedAndPasswordsKept() async throws {
        for url in [
            "mysql://u:segredo@h/db", "postgres://u:segredo%zz@h/db", "postgres://u:segredo@[h/db",
            "postgres://u:segredo@h:1x/db",
            "postgres://u:segredo@h/db?password=segredo=segredo", "postgres://u:segredo@h/db?sslmod=segredo",
        ] {
            do {
                let settings = try PostgresSettings(url: url)
                _ = try await PostgresConnection.connect(settings)
                Issue.record("\(url) was taken")
            } catch {
                #expect(!error.message.contains("segredo"), "\(error)")
                #expect(!error.message.contains("\n"))
            }
        }
        let settings = try PostgresSettings(url: "postgres://u:segredo@h:77/db?sslmode=verify-full&connect_timeout=3")
        #expect(settings.description == "h:77/db")
    }

    @Test func refusedConnectionsAreClassified() async throws {
        let pool = try self.server.pool()
        _ = try await pool.query(PostgresStatement("SELECT 1"))
        pool.close()
        let missing = try PostgresSettings(url: self.server.url("nowhere"))
        #expect(await self.code { _ = try await PostgresConnection.connect(missing) } == .undefinedSchema)
        let stranger = try PostgresSettings(url: "postgres://stranger:segredo@127.0.0.1:\(self.server.port)/postgres")
        #expect(await self.code { _ = try await PostgresConnection.connect(stranger) } == .authentication)
        let nobody = try PostgresSettings(url: "postgres://cardume@127.0.0.1:\(1)/postgres")
        #expect(await self.code { _ = try await PostgresConnection.connect(nobody) } == .connection)
    }
}
