import CardumeCore

/// Makes the weekly partitions of `messages` ahead of time and drops those whose time is over; deletes turns, sends, dead
/// letters and conversations of that age. Usage and changes of settings stay: they are few, and they are the record. Called at
/// start and some times a day, by any number of processes: one works on a partition, the others find the lock taken and leave
/// it to that one.
///
/// By the database's clock. A partition is one ISO week, Monday 00:00 UTC to the next, named `messages_2026w47`.
package struct PostgresMaintenance: Sendable {
    package struct Report: Hashable, Sendable {
        package var created: [String] = []
        package var dropped: [String] = []
        /// Turns, dead letters and conversations deleted.
        package var deleted = 0
    }

    private struct Week: Sendable {
        let table: String
        let begin: String
        let end: String
    }

    private static let lock: Int64 = 0x4341_5244_554D_4532
    private static let timeout = Duration.seconds(120)

    private let pool: PostgresPool
    private let weeksAhead: Int
    private let retention: Duration

    /// - Parameters:
    ///   - weeksAhead: partitions to have besides the present week's. Defaults to 4.
    ///   - retention: how long lines of conversations are kept, to the week. Defaults to 90 days.
    package init(_ pool: PostgresPool, weeksAhead: Int = 4, retention: Duration = .seconds(90 * 86_400)) {
        self.pool = pool
        self.weeksAhead = weeksAhead
        self.retention = retention
    }

    package func run() async throws -> Report {
        var report = Report()
        for week in try await self.missingWeeks() where try await self.create(week) { report.created.append(week.table) }
        for table in try await self.expired() where try await self.drop(table) { report.dropped.append(table) }
        // What came while no partition was there for it.
        _ = try await self.pool.query(
            PostgresStatement(
                "DELETE FROM cardume.messages_default WHERE at < now() - make_interval(secs => $1)",
                [.double(self.retention.seconds)]), within: Self.timeout)
        report.deleted =
            try await self.delete(Self.oldTurns) + self.delete(Self.oldDeadLetters)
            + self.delete(Self.oldConversations)
        return report
    }

    private static let batch = 2_000

    /// A turn and its sends.
    private static let oldTurns = PostgresStatement.SQL(
        """
        WITH old AS (
            DELETE FROM cardume.turns WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM cardume.turns WHERE finished_at < now() - make_interval(secs => $1)
                LIMIT $2 FOR UPDATE SKIP LOCKED
            )) RETURNING conversation, turn
        ), sends AS (
            DELETE FROM cardume.sends s USING old WHERE s.conversation = old.conversation AND s.turn = old.turn
        ) SELECT count(*) FROM old
        """)

    private static let oldDeadLetters = PostgresStatement.SQL(
        """
        WITH old AS (
            DELETE FROM cardume.dead_letters WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM cardume.dead_letters WHERE at < now() - make_interval(secs => $1)
                LIMIT $2 FOR UPDATE SKIP LOCKED
            )) RETURNING 1
        ) SELECT count(*) FROM old
        """)

    private static let oldConversations = PostgresStatement.SQL(
        """
        WITH timers AS (
            DELETE FROM cardume.timers_audit WHERE at < now() - make_interval(secs => $1)
        ), closings AS (
            DELETE FROM cardume.closings WHERE at < now() - make_interval(secs => $1, weeks => 1)
        ), old AS (
            DELETE FROM cardume.conversations WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM cardume.conversations WHERE latest_at < now() - make_interval(secs => $1)
                LIMIT $2 FOR UPDATE SKIP LOCKED
            )) RETURNING conversation
        ), histories AS (
            DELETE FROM cardume.lane_histories h USING old WHERE h.conversation = old.conversation
        ) SELECT count(*) FROM old
        """)

    /// In small steps, so that nobody waits for long.
    private func delete(_ statement: PostgresStatement.SQL) async throws -> Int {
        var deleted = 0
        while true {
            let rows = try await self.pool.query(
                PostgresStatement(statement, [.double(self.retention.seconds), .int(Int64(Self.batch))]), within: Self.timeout)
            let count = Int(rows[0].int(0) ?? 0)
            deleted += count
            if count < Self.batch { return deleted }
        }
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

    /// Names of this program's partitions whose last line is older than the retention.
    private func expired() async throws -> [String] {
        let rows = try await self.pool.query(
            PostgresStatement(
                """
                SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'cardume.messages'::regclass AND c.relname ~ '^messages_[0-9]{4}w[0-9]{2}$'
                AND (to_date(substr(c.relname, 10), 'IYYY"w"IW') + 7)::timestamp AT TIME ZONE 'UTC'
                    <= now() - make_interval(secs => $1)
                ORDER BY 1
                """, [.double(self.retention.seconds)]))
        return rows.compactMap { $0.text(0) }
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
            """, week.table, exists: false)
    }

    private func drop(_ table: String) async throws -> Bool {
        try await self.alone("DROP TABLE cardume.\(table)", table, exists: true)
    }

    /// Runs `script` in a transaction unless somebody else is at it or was quicker. Its locks stop all commits while they
    /// wait for a long reader, so they do not wait for long; the next call tries again.
    ///
    /// - Parameter exists: what must be true of `table` still. Asked of the catalogue itself: `to_regclass` may answer from a
    ///   cache of the time before the lock.
    private func alone(_ script: String, _ table: String, exists: Bool) async throws -> Bool {
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
                try connection.runScript(script, within: Self.timeout)
                return true
            }
        }
    }
}
