import CardumeCore
import CardumeTesting
import Testing

@testable import CardumeRuntime

@Suite(.serialized)
struct PostgresMigrationTests {
    private let server: PostgresTestServer

    init() async throws { self.server = try await PostgresTestServer.shared() }

    private static func step(_ version: Int, up: String? = nil) -> PostgresMigration {
        PostgresMigration(
            version: version, name: "step \(version)",
            up: up ?? "CREATE TABLE cardume.t\(version) (); INSERT INTO cardume.t\(version) DEFAULT VALUES",
            down: "DROP TABLE cardume.t\(version)")
    }

    private func refusal(_ migrator: PostgresMigrator) async -> StoreError? {
        do {
            try await migrator.requireCurrent()
            return nil
        } catch {
            return error
        }
    }

    @Test func upAndDownAndUpAgain() async throws {
        let pool = try self.server.pool(try await self.server.newDatabase())
        let migrator = PostgresMigrator(pool)
        let versions = PostgresSchema.migrations.map(\.version)
        #expect(try await migrator.status().allSatisfy { $0.state == .pending })
        #expect(try await migrator.up() == versions)
        #expect(try await migrator.up() == [])
        #expect(try await migrator.status().allSatisfy { $0.state == .applied })
        try await migrator.requireCurrent()
        _ = try await PostgresMaintenance(pool).run()
        #expect(try await migrator.down(to: 0) == versions.reversed())
        let left = try await pool.query(
            PostgresStatement("SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = 'cardume'::regnamespace"))
        #expect(left[0].text(0)?.split(separator: ",").allSatisfy { $0.hasPrefix("migrations") } == true)
        #expect(try await migrator.up() == versions)
        pool.close()
    }

    @Test func workersRefuseAnotherSchemaInOneLine() async throws {
        let pool = try self.server.pool(try await self.server.newDatabase())
        let two = PostgresMigrator(pool, migrations: [Self.step(1), Self.step(2)])
        #expect(await self.refusal(two)?.message.contains("run: cardume migrate up") == true)
        #expect(try await two.up(to: 1) == [1])
        #expect(await self.refusal(two)?.code == .incompatible)
        #expect(try await two.up() == [2])
        #expect(await self.refusal(two) == nil)
        let one = PostgresMigrator(pool, migrations: [Self.step(1)])
        #expect(await self.refusal(one)?.code == .newerSchema)
        await #expect { try await one.up() } throws: { ($0 as? StoreError)?.code == .newerSchema }
        let changed = PostgresMigrator(pool, migrations: [Self.step(1), Self.step(2, up: "SELECT 1")])
        #expect(await self.refusal(changed)?.code == .incompatible)
        await #expect { try await changed.down(to: 0) } throws: { ($0 as? StoreError)?.code == .incompatible }
        pool.close()
    }

    @Test func aMigrationThatFailsLeavesNothing() async throws {
        let pool = try self.server.pool(try await self.server.newDatabase())
        let migrator = PostgresMigrator(
            pool, migrations: [Self.step(1), Self.step(2, up: "CREATE TABLE cardume.half (); SELECT 1 / 0;")])
        await #expect { try await migrator.up() } throws: { ($0 as? PostgresError)?.code == .data }
        #expect(try await migrator.status().map(\.state) == [.applied, .pending])
        let half = try await pool.query(PostgresStatement("SELECT to_regclass('cardume.half') IS NULL"))
        #expect(half[0].bool(0) == true)
        pool.close()
    }

    @Test func severalProcessesMigrateAtOnce() async throws {
        let database = try await self.server.newDatabase()
        let done = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<6 {
                let pool = try self.server.pool(database)
                group.addTask {
                    defer { pool.close() }
                    return try await PostgresMigrator(pool).up()
                }
            }
            return try await group.reduce([], +)
        }
        #expect(done.sorted() == PostgresSchema.migrations.map(\.version))
    }

    @Test func partitionsAreMadeAheadFilledAndDropped() async throws {
        let database = try await self.server.newDatabase()
        let pool = try self.server.pool(database)
        _ = try await PostgresMigrator(pool).up()
        let line = PostgresStatement(
            """
            INSERT INTO cardume.messages (at, conversation, role, text)
            SELECT now() + make_interval(weeks => w), 'c', 'contact', 'x'::bytea FROM generate_series(-20, 2) w
            """)
        _ = try await pool.query(line)
        let reports = try await withThrowingTaskGroup(of: PostgresMaintenance.Report.self) { group in
            for _ in 0..<4 {
                let pool = try self.server.pool(database)
                group.addTask {
                    defer { pool.close() }
                    return try await PostgresMaintenance(pool, weeksAhead: 3).run()
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        // Who finds the lock taken leaves the rest to the next run.
        let last = try await PostgresMaintenance(pool, weeksAhead: 3).run()
        #expect(Set((reports + [last]).flatMap(\.created)).count == 4)
        #expect((reports + [last]).flatMap(\.created).count == 4)
        let counts = try await pool.query(
            PostgresStatement(
                """
                SELECT count(*), count(*) FILTER (WHERE tableoid = 'cardume.messages_default'::regclass), count(DISTINCT tableoid)
                FROM cardume.messages WHERE at >= date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                """))[0]
        #expect(counts.int(0) == 3)
        #expect(counts.int(1) == 0, "they left the default partition")
        #expect(counts.int(2) == 3)
        _ = try await pool.query(line)
        let indexes = try await pool.query(
            PostgresStatement("SELECT count(*) FROM pg_indexes WHERE tablename ~ '^messages_[0-9]'"))
        #expect(indexes[0].int(0) == 4)
        let none = try await PostgresMaintenance(pool, weeksAhead: 3, retention: .seconds(0)).run()
        #expect(none.dropped.isEmpty, "this week is not over")
        let past = try await PostgresMaintenance(pool, weeksAhead: 0, retention: .seconds(-5 * 7 * 86_400)).run()
        #expect(past.dropped.count == 4, "a retention that ends in the future ends all")
        pool.close()
    }
}
