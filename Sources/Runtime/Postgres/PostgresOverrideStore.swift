package import CardumeCore

/// Live settings in the journal's database. Changes exclude each other (an advisory lock that lasts as long as their
/// transaction), so their ids become visible in order: who has seen one has seen all before it.
package struct PostgresOverrideStore: OverrideStore {
    private static let lock = 0x4341_5244_554D_4534
    private static let timeout = Duration.seconds(5)

    private let pool: PostgresPool
    private let polling: PostgresPool

    /// - Parameters:
    ///   - pool: for changes and the journal.
    ///   - polling: asked twice a second; must not be one that queues behind commits.
    package init(_ pool: PostgresPool, polling: PostgresPool) {
        self.pool = pool
        self.polling = polling
    }

    package func version() async throws(StoreError) -> Int64 {
        let statement = PostgresStatement("SELECT coalesce(max(id), 0) FROM cardume.setting_changes")
        return try await Self.query(statement, self.polling)[0].int(0) ?? 0
    }

    package func snapshot() async throws(StoreError) -> OverrideSnapshot {
        let rows = try await Self.query(PostgresStatement(SQL.snapshot), self.polling)
        var snapshot = OverrideSnapshot(
            version: rows[0].int(0) ?? 0, readAt: rows[0].time(1) ?? Timestamp(milliseconds: 0))
        snapshot.overrides = rows.filter { $0.int(2) != nil }.compactMap { Self.change($0, from: 2).made }
        return snapshot
    }

    package func set(
        _ path: String, to value: String, for lifetime: Duration?, by author: SettingAuthor
    ) async throws(StoreError) -> SettingChange {
        let changes = try await self.edit { book, _ in book.set(path, to: value, for: lifetime, by: author) }
        guard let change = changes.first else { preconditionFailure("setting is always a change") }
        return change
    }

    package func unset(_ path: String, by author: SettingAuthor) async throws(StoreError) -> SettingChange? {
        try await self.edit { book, _ in book.unset(path, by: author) }.first
    }

    package func rollBack(
        to change: Int64, by author: SettingAuthor
    ) async throws(StoreError) -> [SettingChange]? {
        guard change >= 0, change <= (try await self.version()) else { return nil }
        return try await self.edit { book, connection in
            let rows = try Self.run(connection, SQL.latestUpTo, [.int(change)])
            book.restore(rows.compactMap { Self.change($0, from: 0).made }, by: author)
        }
    }

    package func expire() async throws(StoreError) -> [SettingChange] {
        try await self.edit { book, _ in book.expire() }
    }

    package func change(_ id: Int64) async throws(StoreError) -> SettingChange? {
        try await Self.query(PostgresStatement(SQL.change, [.int(id)]), self.pool).map { Self.change($0, from: 0) }.first
    }

    package func history(of path: String?, limit: Int) async throws(StoreError) -> [SettingChange] {
        let statement = PostgresStatement(SQL.history, [.optional(path), .int(Int64(limit))])
        return try await Self.query(statement, self.pool).map { Self.change($0, from: 0) }
    }

    // MARK: Inside a transaction

    private func edit(
        _ change: @escaping @Sendable (inout OverrideBook, isolated PostgresConnection) throws -> Void
    ) async throws(StoreError) -> [SettingChange] {
        do {
            return try await self.pool.withConnection { connection in
                try await connection.transaction(within: Self.timeout) { connection in
                    try Self.run(connection, SQL.exclude)
                    // A statement of its own, whose snapshot comes after the lock.
                    let rows = try Self.run(connection, SQL.snapshot)
                    var book = OverrideBook(
                        rows.filter { $0.int(2) != nil }.compactMap { Self.change($0, from: 2).made },
                        version: rows[0].int(0) ?? 0, at: rows[0].time(1) ?? Timestamp(milliseconds: 0))
                    try change(&book, connection)
                    for change in book.changes { try Self.carryOut(change, connection) }
                    return book.changes
                }
            }
        } catch {
            throw StoreError(postgres: error)
        }
    }

    private static func carryOut(_ change: SettingChange, _ connection: isolated PostgresConnection) throws {
        try Self.run(
            connection, SQL.record,
            [
                .int(change.id), .time(change.at), .text(change.author.name), .optional(change.author.reason),
                .text(change.action.rawValue), .text(change.path), .optional(change.old), .optional(change.new),
                .optional(change.expiresAt),
            ])
        if change.new == nil {
            try Self.run(connection, SQL.remove, [.text(change.path)])
        } else {
            try Self.run(connection, SQL.put, [.text(change.path), .int(change.id)])
        }
    }

    @discardableResult
    private static func run(
        _ connection: isolated PostgresConnection, _ sql: PostgresStatement.SQL, _ parameters: [PostgresParameter] = []
    ) throws -> PostgresResult {
        try connection.run([PostgresStatement(sql, parameters)], prepared: false, within: Self.timeout)[0]
    }

    private static func query(_ statement: PostgresStatement, _ pool: PostgresPool) async throws(StoreError) -> PostgresResult {
        do {
            return try await pool.query(statement)
        } catch {
            throw StoreError(postgres: error)
        }
    }

    private static func change(_ row: PostgresRow, from column: Int) -> SettingChange {
        SettingChange(
            id: row.int(column) ?? 0, at: row.time(column + 1) ?? Timestamp(milliseconds: 0),
            author: SettingAuthor(row.text(column + 2) ?? "", reason: row.text(column + 3)),
            action: row.text(column + 4).flatMap { SettingChange.Action(rawValue: $0) } ?? .set,
            path: row.text(column + 5) ?? "", old: row.text(column + 6), new: row.text(column + 7),
            expiresAt: row.time(column + 8))
    }

    private enum SQL {
        private static let columns = "c.id, c.at, c.who, c.reason, c.action, c.path, c.old, c.new, c.expires_at"

        static let exclude = PostgresStatement.SQL("SELECT pg_advisory_xact_lock(\(PostgresOverrideStore.lock))")
        /// Version, clock, and a row for each override, or one without.
        static let snapshot = PostgresStatement.SQL(
            """
            SELECT v.version, clock_timestamp(), \(Self.columns)
            FROM (SELECT coalesce(max(id), 0) AS version FROM cardume.setting_changes) v
            LEFT JOIN (cardume.setting_overrides o JOIN cardume.setting_changes c ON c.id = o.change) ON true ORDER BY o.path
            """)
        static let latestUpTo = PostgresStatement.SQL(
            """
            SELECT DISTINCT ON (c.path) \(Self.columns) FROM cardume.setting_changes c
            WHERE c.id <= $1 ORDER BY c.path, c.id DESC
            """)
        static let change = PostgresStatement.SQL("SELECT \(Self.columns) FROM cardume.setting_changes c WHERE c.id = $1")
        static let history = PostgresStatement.SQL(
            """
            SELECT c.id, c.at, c.who, c.reason, c.action, c.path, left(c.old, \(SettingChange.previewLength + 1)),
                left(c.new, \(SettingChange.previewLength + 1)), c.expires_at
            FROM cardume.setting_changes c WHERE $1::text IS NULL OR c.path = $1::text ORDER BY c.id DESC LIMIT $2
            """)
        static let record: PostgresStatement.SQL = """
            INSERT INTO cardume.setting_changes (id, at, who, reason, action, path, old, new, expires_at)
            VALUES ($1, $2, $3, $4::text, $5, $6, $7::text, $8::text, $9::timestamptz)
            """
        static let remove: PostgresStatement.SQL = "DELETE FROM cardume.setting_overrides WHERE path = $1"
        static let put: PostgresStatement.SQL = """
            INSERT INTO cardume.setting_overrides (path, change) VALUES ($1, $2)
            ON CONFLICT (path) DO UPDATE SET change = excluded.change
            """
    }
}
