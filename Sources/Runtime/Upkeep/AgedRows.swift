import CardumeCore

/// Rows of a table that go by their age: one step of a pass.
struct AgedRows: Sendable {
    let kind: UpkeepKind
    /// As statements name it.
    let table: String
    /// Which of its rows `x` are due; `$1` is ``cutoff``.
    let condition: String
    let cutoff: AdminValue

    /// Of a table whose times are milliseconds in both databases.
    private init(_ kind: UpkeepKind, _ table: String, _ condition: String, before time: Timestamp) {
        (self.kind, self.table, self.condition, self.cutoff) = (kind, table, condition, .int(time.milliseconds))
    }

    private init(_ kind: UpkeepKind, _ table: String, _ condition: String, beforeTime time: Timestamp) {
        (self.kind, self.table, self.condition, self.cutoff) = (kind, table, condition, .time(time))
    }

    /// Those that nobody has in hand: of no held conversation, not on their way back, nor about to be.
    static func deadLetters(before time: Timestamp) -> AgedRows {
        AgedRows(
            .deadLetters, "{dead_letters}",
            """
            x.at < $1 AND x.replayed_at IS NULL AND NOT EXISTS (SELECT 1 FROM {holds} h WHERE h.conversation = x.conversation)
            AND NOT EXISTS (
                SELECT 1 FROM {replay_items} o JOIN {replay_jobs} j ON j.id = o.job
                WHERE o.letter = x.id AND o.state IN ('pending', 'released', 'appended') AND j.state = 'running'
            )
            """, beforeTime: time)
    }

    /// - Parameter table: of lines: `messages`, or one of its partitions.
    static func lines(of table: String, before time: Timestamp, _ dialect: AdminDialect) -> AgedRows {
        // Numbers of lines are given out once only as long as the highest is there.
        let isOlder = dialect == .sqlite ? " AND x.id < (SELECT max(id) FROM {messages})" : ""
        return AgedRows(
            .lines, "{\(table)}", "x.at < $1\(isOlder) AND \(UpkeepStore.isFree("x.conversation", dialect))", beforeTime: time)
    }

    static func timers(before time: Timestamp, _ dialect: AdminDialect) -> AgedRows {
        AgedRows(
            .timers, "{timers_audit}", "x.at < $1 AND \(UpkeepStore.isFree("x.conversation", dialect))", beforeTime: time)
    }

    static func rejectedWebhooks(before time: Timestamp) -> AgedRows {
        // The numbers bound the table.
        AgedRows(
            .rejectedWebhooks, "{rejected_webhooks}",
            "x.at < $1 AND x.id < (SELECT max(id) FROM {rejected_webhooks})", beforeTime: time)
    }

    static func audit(before time: Timestamp) -> AgedRows { AgedRows(.audit, "{admin_audit}", "x.at < $1", before: time) }

    /// Those that nothing refers to, but the latest, whose number is the version of the settings.
    static func settingChanges(before time: Timestamp) -> AgedRows {
        AgedRows(
            .settingChanges, "{setting_changes}",
            """
            x.at < $1 AND x.id < (SELECT max(id) FROM {setting_changes})
            AND NOT EXISTS (SELECT 1 FROM {setting_overrides} o WHERE o.change = x.id)
            """, beforeTime: time)
    }

    /// Of those finished.
    static func replays(before time: Timestamp) -> AgedRows {
        AgedRows(
            .replays, "{replay_jobs}",
            """
            x.finished_at < $1 AND x.state <> 'running' AND NOT EXISTS (
                SELECT 1 FROM {replay_items} i WHERE i.job = x.id AND i.state IN ('released', 'appended')
            )
            """, before: time)
    }

    /// Of replays that are no more.
    static func replayItems() -> AgedRows {
        AgedRows(
            .replays, "{replay_items}", "x.job < $1 AND NOT EXISTS (SELECT 1 FROM {replay_jobs} j WHERE j.id = x.job)",
            before: Timestamp(milliseconds: .max))
    }

    /// Marks whose time is over.
    static func restores(before time: Timestamp) -> AgedRows {
        AgedRows(.restores, "{archive_restores}", "x.kept_until < $1", before: time)
    }

    static func usage(before day: CivilDay, _ dialect: AdminDialect) -> AgedRows {
        AgedRows(.usage, day: day, dialect)
    }

    private init(_ kind: UpkeepKind, day: CivilDay, _ dialect: AdminDialect) {
        self.kind = kind
        self.table = "{usage_daily}"
        self.condition = dialect == .postgres ? "x.day < $1::text::date" : "x.day < $1"
        self.cutoff = .text(day.description)
    }
}

extension UpkeepStore {
    func count(_ rows: AgedRows) async throws(StoreError) -> Int {
        try await self.database.query { query in
            try query("SELECT count(*) FROM \(rows.table) x WHERE \(rows.condition)", [rows.cutoff])[0].count(0)
        }
    }

    /// Deletes up to `limit` of them.
    ///
    /// - Returns: how many; fewer than `limit` when there are no more, but for those that others have in hand.
    func delete(_ rows: AgedRows, limit: Int) async throws(StoreError) -> Int {
        switch self.dialect {
        case .postgres: try await self.deleteByPlace(rows, limit: limit)
        case .sqlite: try await self.deleteByKey(rows, limit: limit)
        }
    }

    private func deleteByPlace(_ rows: AgedRows, limit: Int) async throws(StoreError) -> Int {
        try await self.database.transaction { query in
            try query(
                """
                DELETE FROM \(rows.table) WHERE ctid = ANY (ARRAY(
                    SELECT x.ctid FROM \(rows.table) x WHERE \(rows.condition) LIMIT $2 FOR UPDATE OF x SKIP LOCKED
                )) RETURNING 1
                """, [rows.cutoff, .int(Int64(limit))]
            ).count
        }
    }

    /// Looks for them where it is in nobody's way: the writer is taken only for what is found.
    private func deleteByKey(_ rows: AgedRows, limit: Int) async throws(StoreError) -> Int {
        let key = Self.keys[rows.table] ?? ["rowid"]
        let columns = key.map { "x.\($0)" }.joined(separator: ", ")
        let found = try await self.database.query { query in
            try query(
                "SELECT \(columns) FROM \(rows.table) x WHERE \(rows.condition) LIMIT $2", [rows.cutoff, .int(Int64(limit))]
            )
            .map { row in key.indices.map { row.value($0) } }
        }
        guard !found.isEmpty else { return 0 }
        let match = key.indices.map { "x.\(key[$0]) = $\($0 + 2)" }.joined(separator: " AND ")
        return try await self.database.transaction { query in
            try found.reduce(0) { count, values in
                let deleted = try query(
                    "DELETE FROM \(rows.table) AS x WHERE \(match) AND \(rows.condition) RETURNING 1", [rows.cutoff] + values)
                return count + deleted.count
            }
        }
    }

    /// Of tables without row numbers.
    private static let keys = [
        "{replay_items}": ["job", "letter"], "{usage_daily}": ["day", "assistant", "model"],
        "{archive_restores}": ["conversation"],
    ]
}
