package import CardumeCore

/// What upkeep keeps of itself, and what it asks and does in the journal's database, of either kind.
///
/// One process at a time has the lease, by the database's clock. Nothing rests on it but economy: every deletion looks again
/// whether its rows are still due, so that two that believe to have it do no harm.
package struct UpkeepStore: Sendable {
    package struct State: Hashable, Sendable {
        package var now: Timestamp
        package var dueAt: Timestamp
        /// The latest pass without a failure; when the schema was made, before there was one.
        package var succeededAt: Timestamp
        /// `nil` when nobody is at it.
        package var holder: String?
        /// Whether conversations leave through an archive: some process has put one there.
        package var archives: Bool
        /// The conversation up to which the latest pass has come; empty when it has come to the end.
        package var walkedTo: String
    }

    /// How long a process that says nothing keeps the lease.
    static let patience = Duration.seconds(60)

    let database: any AdminDatabase

    package init(_ database: any AdminDatabase) { self.database = database }

    var dialect: AdminDialect { self.database.dialect }

    // MARK: The lease

    package func state() async throws(StoreError) -> State {
        let now = self.dialect.now
        return try await self.database.query { query in
            try Self.state(
                query(
                    """
                    SELECT \(now), due_at, succeeded_at, CASE WHEN holder_until > \(now) THEN holder END, archives, walked_to
                    FROM {upkeep} WHERE id = 1
                    """, [])[0])
        }
    }

    private static func state(_ row: AdminRow) -> State {
        let zero = Timestamp(milliseconds: 0)
        return State(
            now: row.time(0) ?? zero, dueAt: row.time(1) ?? zero, succeededAt: row.time(2) ?? zero, holder: row.text(3),
            archives: row.count(4) == 1, walkedTo: row.text(5) ?? "")
    }

    /// Takes the lease for `name`.
    ///
    /// - Parameter evenIfNotDue: because somebody has asked for it.
    /// - Returns: `nil` when another process has it, or a pass is not due.
    package func claim(for name: String, evenIfNotDue: Bool = false) async throws(StoreError) -> State? {
        let now = self.dialect.now
        return try await self.database.transaction { query in
            try query(
                """
                UPDATE {upkeep} SET holder = $1, holder_until = \(now) + $2
                WHERE id = 1 AND (holder IS NULL OR holder = $1 OR holder_until <= \(now)) AND (due_at <= \(now) OR $3 = 1)
                RETURNING \(now), due_at, succeeded_at, holder, archives, walked_to
                """, [.text(name), .int(Self.patience.milliseconds), .flag(evenIfNotDue)]
            ).first.map(Self.state)
        }
    }

    /// - Throws: ``StoreError/Code/fenced`` when it is another's by now.
    package func renew(for name: String) async throws(StoreError) {
        let now = self.dialect.now
        try await self.database.transaction { query in
            let rows = try query(
                "UPDATE {upkeep} SET holder_until = \(now) + $2 WHERE id = 1 AND holder = $1 AND holder_until > \(now) RETURNING id",
                [.text(name), .int(Self.patience.milliseconds)])
            guard !rows.isEmpty else { throw StoreError(.fenced, "another process goes on with the upkeep") }
        }
    }

    /// Gives the lease back, for the next pass to be due in a while. Nothing when it is another's.
    ///
    /// - Parameters:
    ///   - succeeded: whether all went well and everything was looked at.
    ///   - walkedTo: see ``State/walkedTo``.
    package func finish(
        for name: String, dueIn delay: Duration, succeeded: Bool, walkedTo: String
    ) async throws(StoreError) {
        let now = self.dialect.now
        try await self.database.transaction { query in
            _ = try query(
                """
                UPDATE {upkeep} SET holder = NULL, holder_until = 0, due_at = \(now) + $2, walked_to = $3,
                    succeeded_at = CASE WHEN $4 = 1 THEN \(now) ELSE succeeded_at END
                WHERE id = 1 AND holder = $1
                """, [.text(name), .int(delay.milliseconds), .text(walkedTo), .flag(succeeded)])
        }
    }

    /// Gives the lease back in the middle of a pass, for others to take over at once.
    package func leave(_ name: String) async throws(StoreError) {
        try await self.database.transaction { query in
            _ = try query("UPDATE {upkeep} SET holder = NULL, holder_until = 0 WHERE id = 1 AND holder = $1", [.text(name)])
        }
    }

    /// Says whether conversations leave through an archive, before the first one does.
    package func set(archives: Bool) async throws(StoreError) {
        try await self.database.transaction { query in
            _ = try query("UPDATE {upkeep} SET archives = $1 WHERE id = 1 AND archives <> $1", [.flag(archives)])
        }
    }

    // MARK: What must stay

    /// Why somebody may still have to look at a conversation, as rows `p` of tables: it is held, it has a dead letter, it ran
    /// when a process died, a reply is on its way or in doubt, or it was brought back lately.
    private static func reasons(_ dialect: AdminDialect) -> [(table: String, condition: String)] {
        [
            ("{holds}", "1 = 1"), ("{dead_letters}", "1 = 1"), ("{crash_marks}", "1 = 1"),
            ("{sends}", "p.state IN ('pending', 'sending', 'unknown')"),
            ("{archive_restores}", "p.kept_until > \(dialect.now)"),
        ]
    }

    /// The condition that there is none for a conversation.
    ///
    /// - Parameter conversation: an expression, of a table that is not called `p`.
    static func isFree(_ conversation: String, _ dialect: AdminDialect) -> String {
        self.reasons(dialect).map { table, condition in
            "NOT EXISTS (SELECT 1 FROM \(table) p WHERE p.conversation = \(conversation) AND \(condition))"
        }.joined(separator: " AND ")
    }

    /// The conversations for which there is one; some of them more than once.
    static func protected(_ dialect: AdminDialect) -> String {
        self.reasons(dialect).map { "SELECT p.conversation FROM \($0) p WHERE \($1)" }.joined(separator: " UNION ALL ")
    }

    /// Partitions that a live process owns, in a cluster.
    package func ownedPartitions() async throws(StoreError) -> Set<Partition.ID> {
        try await self.database.query { query in
            let rows = try query(
                """
                SELECT l.assistant, l.partition FROM {leases} l JOIN {members} m ON m.id = l.member
                WHERE m.expires_at > clock_timestamp()
                """, [])
            return Set(rows.map { Partition.ID(QueueID($0.text(0) ?? ""), number: $0.count(1)) })
        }
    }
}
