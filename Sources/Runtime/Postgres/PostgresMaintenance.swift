import CardumeCore

/// Makes the weekly partitions of `messages` ahead of time and drops those whose time is over. May be called by any number of
/// processes: one works on a partition, the others find the lock taken and leave it to that one.
///
/// By the database's clock. A partition is one ISO week, Monday 00:00 UTC to the next, named `messages_2026w47`.
package struct PostgresMaintenance: Sendable {
    package struct Report: Hashable, Sendable {
        package var created: [String] = []
        package var dropped: [String] = []
    }

    private struct Week: Sendable {
        let table: String
        let begin: String
        let end: String
    }

    /// What stands against dropping a partition.
    private enum Obstacle {
        /// Lines of conversations that somebody still has to look at.
        case protected
        /// Any line.
        case any
    }

    private static let lock: Int64 = 0x4341_5244_554D_4532
    private static let timeout = Duration.seconds(120)

    private let pool: PostgresPool
    private let weeksAhead: Int
    private let retention: Duration?

    /// - Parameters:
    ///   - weeksAhead: partitions to have besides the present week's. Defaults to 4.
    ///   - retention: how long lines of conversations are kept, to the week; `nil` for ever. Defaults to 90 days.
    package init(_ pool: PostgresPool, weeksAhead: Int = 4, retention: Duration? = .seconds(90 * 86_400)) {
        self.pool = pool
        self.weeksAhead = weeksAhead
        self.retention = retention
    }

    /// Both of the following, without an archive.
    package func run() async throws -> Report {
        var report = Report()
        report.created = try await self.createWeeks()
        if let retention = self.retention { report.dropped = try await self.dropWeeks(after: retention, isArchiving: false) }
        return report
    }

    /// Called every ten minutes by every process.
    ///
    /// - Returns: the tables made.
    package func createWeeks() async throws -> [String] {
        var created: [String] = []
        for week in try await self.missingWeeks() where try await self.create(week) { created.append(week.table) }
        return created
    }

    /// Drops partitions of weeks that ended longer than `retention` ago.
    ///
    /// - Parameter isArchiving: whether only empty ones go, because their lines leave through the archive.
    /// - Returns: the tables dropped. Those that must stay are in ``weeks(after:)`` still.
    package func dropWeeks(after retention: Duration, isArchiving: Bool) async throws -> [String] {
        var dropped: [String] = []
        for table in try await self.weeks(after: retention) {
            let isDropped = try await self.alone(
                "DROP TABLE cardume.\(table)", table, exists: true, unless: isArchiving ? .any : .protected)
            if isDropped { dropped.append(table) }
        }
        return dropped
    }

    /// Partitions of this program whose week ended longer than `retention` ago, oldest first.
    package func weeks(after retention: Duration) async throws -> [String] {
        let rows = try await self.pool.query(
            PostgresStatement(
                """
                SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'cardume.messages'::regclass AND c.relname ~ '^messages_[0-9]{4}w[0-9]{2}$'
                AND (to_date(substr(c.relname, 10), 'IYYY"w"IW') + 7)::timestamp AT TIME ZONE 'UTC'
                    <= now() - make_interval(secs => $1)
                ORDER BY 1
                """, [.double(retention.seconds)]))
        return rows.compactMap { $0.text(0) }
    }

    /// Lines of this week and later ones that found no partition of their own. Looks no further than 100,000.
    package func strayLines() async throws -> Int {
        let rows = try await self.pool.query(
            PostgresStatement(
                """
                SELECT count(*) FROM (
                    SELECT 1 FROM cardume.messages_default
                    WHERE at >= date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' LIMIT 100000
                ) l
                """))
        return Int(rows[0].int(0) ?? 0)
    }

    private func missingWeeks() async throws -> [Week] {
        let rows = try await self.pool.query(
            PostgresStatement(
                """
                SELECT w.name, w.begin::text || ' 00:00+00', (w.begin + 7)::text || ' 00:00+00'
                FROM (
                    SELECT 'messages_' || to_char(d.begin, 'IYYY"w"IW') AS name, d.begin
                    FROM (
                        SELECT date_trunc('week', now() AT TIME ZONE 'UTC')::date + 7 * i::int AS begin
                        FROM generate_series(0, $1::int8) i
                    ) d
                ) w WHERE to_regclass('cardume.' || w.name) IS NULL ORDER BY w.begin
                """, [.int(Int64(self.weeksAhead))]))
        return rows.map { Week(table: $0.text(0) ?? "", begin: $0.text(1) ?? "", end: $0.text(2) ?? "") }
    }

    /// Filled before it is attached: lines that went to the default partition meanwhile must not be in its way.
    private func create(_ week: Week) async throws -> Bool {
        try await self.alone(
            """
            CREATE TABLE cardume.\(week.table) (LIKE cardume.messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
                CONSTRAINT bounds CHECK (at >= '\(week.begin)' AND at < '\(week.end)'));
            WITH moved AS (
                DELETE FROM cardume.messages_default WHERE at >= '\(week.begin)' AND at < '\(week.end)' RETURNING *
            ) INSERT INTO cardume.\(week.table) SELECT * FROM moved;
            ALTER TABLE cardume.messages ATTACH PARTITION cardume.\(week.table)
                FOR VALUES FROM ('\(week.begin)') TO ('\(week.end)');
            ALTER TABLE cardume.\(week.table) DROP CONSTRAINT bounds;
            """, week.table, exists: false, unless: nil)
    }

    /// Runs `script` in a transaction unless somebody else is at it or was quicker. Its locks stop all commits while they
    /// wait for a long reader, so they do not wait for long; the next call tries again.
    ///
    /// - Parameters:
    ///   - exists: what must be true of `table` still. Asked of the catalogue itself: `to_regclass` may answer from a
    ///     cache of the time before the lock.
    ///   - obstacle: what must not be in it.
    private func alone(_ script: String, _ table: String, exists: Bool, unless obstacle: Obstacle?) async throws -> Bool {
        try await self.pool.withConnection { connection in
            try await connection.transaction(within: Self.timeout) { connection in
                let checks = [
                    PostgresStatement("SET LOCAL lock_timeout = 2000"), PostgresStatement("SET LOCAL statement_timeout = 0"),
                    PostgresStatement("SELECT NOT pg_try_advisory_xact_lock($1)", [.int(Self.lock)]),
                    PostgresStatement(
                        "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'cardume' AND tablename = $1)", [.text(table)]),
                ]
                let answers = try connection.run(checks, prepared: false, within: Self.timeout)
                guard answers[2][0].bool(0) == false, answers[3][0].bool(0) == exists else { return false }
                if let obstacle {
                    // Nothing is added between the look and the drop.
                    let look = [
                        PostgresStatement(PostgresStatement.SQL("LOCK TABLE cardume.\(table) IN SHARE ROW EXCLUSIVE MODE")),
                        Self.look(for: obstacle, in: table),
                    ]
                    guard try connection.run(look, prepared: false, within: Self.timeout)[1][0].bool(0) == false else {
                        return false
                    }
                }
                try connection.runScript(script, within: Self.timeout)
                return true
            }
        }
    }

    private static func look(for obstacle: Obstacle, in table: String) -> PostgresStatement {
        // From what protects, which is little, to the lines: those are found by their conversation.
        let sql =
            switch obstacle {
            case .any: "SELECT EXISTS (SELECT FROM cardume.\(table))"
            case .protected:
                """
                SELECT EXISTS (
                    SELECT FROM (\(AdminDialect.postgres.text(of: UpkeepStore.protected(.postgres)))) r
                    JOIN cardume.\(table) x ON x.conversation = r.conversation
                )
                """
            }
        return PostgresStatement(PostgresStatement.SQL(sql))
    }
}
