import CardumeCore
import Foundation
import Synchronization
import Testing

@testable import CardumeRuntime
@testable import CardumeTesting

/// Reports read the replica while it is of use, and the primary otherwise.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ReplicaTests {
    private final class Record: Sendable {
        let uptime = Mutex(Duration.zero)
        let standings = Mutex<[ReplicaGate.Standing]>([])
        let reads = Mutex((replica: 0, primary: 0))

        func advance() { self.uptime.withLock { $0 += .seconds(11) } }
    }

    private static let today = CivilDay(number: 20_000)

    private static func reads(
        _ primary: PostgresPool, _ replica: PostgresSettings, bound: Duration = .seconds(30), _ record: Record
    ) -> ReplicaReads {
        ReplicaReads(
            primary: PostgresAdministration(primary), usage: PostgresJournal(primary),
            pool: PostgresPool(ReplicaReads.settings(replica)), bound: bound, uptime: { record.uptime.withLock { $0 } },
            onChange: { standing in record.standings.withLock { $0.append(standing) } },
            onRead: { isReplica in
                record.reads.withLock { if isReplica { $0.replica += 1 } else { $0.primary += 1 } }
            })
    }

    /// Who answers: the model of the one row that each has.
    private static func mark(_ pool: PostgresPool, _ name: String) async throws {
        _ = try await PostgresMigrator(pool).up()
        let sql =
            "INSERT INTO cardume.usage_daily VALUES ('\(Self.today)', 'a', '\(name)', 1, 1, 1, 1, 1)"
        _ = try await pool.query(PostgresStatement(PostgresStatement.SQL(sql)))
    }

    private static func heartbeat(_ pool: PostgresPool, secondsAgo: Int) async throws {
        let sql = """
            INSERT INTO cardume.members (id, queues, expires_at) VALUES ('m', '{}', now() - interval '\(secondsAgo) seconds')
            ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
            """
        _ = try await pool.query(PostgresStatement(PostgresStatement.SQL(sql)))
    }

    @Test func reportsFollowTheReplicasState() async throws {
        let server = try await PostgresTestServer.shared()
        let (first, second) = (try await server.newDatabase(), try await server.newDatabase())
        let (primary, other) = (try server.pool(first), try server.pool(second))
        defer {
            primary.close()
            other.close()
        }
        try await Self.mark(primary, "primary")
        try await Self.mark(other, "replica")
        let record = Record()
        let reads = Self.reads(primary, try PostgresSettings(url: server.url(second)), record)
        defer { reads.close() }
        func answer() async throws -> String {
            let usage = try await reads.usage(since: Self.today).first?.model ?? ""
            let query = try await reads.query { query in try query("SELECT model FROM {usage_daily}", [])[0].text(0) ?? "" }
            #expect(usage == query)
            return usage
        }
        // It cannot say how far it is behind.
        #expect(try await answer() == "primary")
        try await Self.heartbeat(other, secondsAgo: 5)
        #expect(try await answer() == "primary", "it is left alone for a while")
        record.advance()
        #expect(try await answer() == "replica")
        try await Self.heartbeat(other, secondsAgo: 3_600)
        record.advance()
        #expect(try await answer() == "primary")
        reads.update(bound: .seconds(86_400), try PostgresSettings(url: server.url(second)))
        record.advance()
        #expect(try await answer() == "replica")
        // It breaks in the middle of its good standing: the very read that finds out is answered.
        _ = try await other.query(PostgresStatement("ALTER TABLE cardume.usage_daily RENAME TO gone"))
        #expect(try await answer() == "primary")
        _ = try await other.query(PostgresStatement("ALTER TABLE cardume.gone RENAME TO usage_daily"))
        record.advance()
        #expect(try await answer() == "replica")
        // What changes something never goes there.
        try await reads.transaction { query in _ = try query("DELETE FROM {usage_daily}", []) }
        #expect(try await answer() == "replica")
        #expect(try await primary.query(PostgresStatement("SELECT count(*) FROM cardume.usage_daily"))[0].int(0) == 0)
        let standings = record.standings.withLock { $0 }
        #expect(standings.map { $0 == .usable } == [false, true, false, true, false, true])
        #expect(record.reads.withLock { $0.replica } == 8)
        let samples = await reads.samples()
        #expect(samples.first?.value == 1 && (samples.last?.value ?? 0) >= 3_600)
    }

    @Test func oneThatIsAwayCostsAMomentOnce() async throws {
        let server = try await PostgresTestServer.shared()
        let database = try await server.newDatabase()
        let primary = try server.pool(database)
        defer { primary.close() }
        try await Self.mark(primary, "primary")
        let record = Record()
        let port = FreePort.take()
        let reads = Self.reads(primary, try PostgresSettings(url: "postgres://postgres@127.0.0.1:\(port)/x"), record)
        defer { reads.close() }
        for _ in 0..<50 { #expect(try await reads.usage(since: Self.today).first?.model == "primary") }
        #expect(record.standings.withLock { $0.count } == 1)
        #expect(record.reads.withLock { $0 == (0, 50) })
        let samples = await reads.samples()
        #expect(samples.map(\.value) == [0])
        guard case .unusable = reads.standing else {
            Issue.record("\(reads.standing)")
            return
        }
    }

    /// A real standby, which falls behind, and goes away.
    @Test func aStandbyIsReadUntilItFallsBehind() async throws {
        let server = try await PostgresServer.start()
        let pool = PostgresPool(try PostgresSettings(url: server.url))
        defer { pool.close() }
        try await Self.mark(pool, "before")
        let standby = try await PostgresServer.startStandby(of: server)
        let copy = try PostgresSettings(url: standby.url)
        let record = Record()
        let reads = Self.reads(pool, copy, bound: .seconds(2), record)
        defer { reads.close() }
        // Members' renewals keep the copying going.
        try await Waiting.until("the standby to be of use") {
            try await Self.heartbeat(pool, secondsAgo: 0)
            record.advance()
            return await reads.isUsable()
        }
        #expect(try await reads.usage(since: Self.today).first?.model == "before")
        #expect(record.reads.withLock { $0.replica } == 1)
        // It stops applying what it gets.
        _ = try await standby.psql("SELECT pg_wal_replay_pause()")
        _ = try await pool.query(PostgresStatement("UPDATE cardume.usage_daily SET model = 'after'"))
        try await Waiting.until("the standby to be too far behind") {
            try await Self.heartbeat(pool, secondsAgo: 0)
            record.advance()
            return await !reads.isUsable()
        }
        #expect(try await reads.usage(since: Self.today).first?.model == "after")
        _ = try await standby.psql("SELECT pg_wal_replay_resume()")
        try await Waiting.until("the standby to have caught up") {
            try await Self.heartbeat(pool, secondsAgo: 0)
            record.advance()
            return await reads.isUsable()
        }
        #expect(try await reads.usage(since: Self.today).first?.model == "after")
        try await standby.kill9()
        record.advance()
        #expect(try await reads.usage(since: Self.today).first?.model == "after")
        #expect(reads.standing != .usable)
    }
}
