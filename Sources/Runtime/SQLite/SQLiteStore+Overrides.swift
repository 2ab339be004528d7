public import CardumeCore
import FoundationEssentials
import GRDB

extension SQLiteStore: OverrideStore {
    public func version() async throws(StoreError) -> Int64 {
        try await self.reading { try Self.version($0) }
    }

    public func snapshot() async throws(StoreError) -> OverrideSnapshot {
        try await self.reading { db in
            OverrideSnapshot(version: try Self.version(db), readAt: Self.now, overrides: try Self.overrides(db))
        }
    }

    public func set(
        _ path: String, to value: String, for lifetime: Duration?, by author: SettingAuthor
    ) async throws(StoreError) -> SettingChange {
        let changes = try await self.edit { book, _ in book.set(path, to: value, for: lifetime, by: author) }
        guard let change = changes.first else { preconditionFailure("setting is always a change") }
        return change
    }

    public func unset(_ path: String, by author: SettingAuthor) async throws(StoreError) -> SettingChange? {
        try await self.edit { book, _ in book.unset(path, by: author) }.first
    }

    public func rollBack(
        to change: Int64, by author: SettingAuthor
    ) async throws(StoreError) -> [SettingChange]? {
        guard change >= 0, change <= (try await self.version()) else { return nil }
        return try await self.edit { book, db in
            // The latest change of each path up to then.
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM setting_changes WHERE id IN (SELECT max(id) FROM setting_changes WHERE id <= ? GROUP BY path)
                    """, arguments: [change])
            book.restore(rows.compactMap { Self.change($0).made }, by: author)
        }
    }

    public func expire() async throws(StoreError) -> [SettingChange] {
        try await self.edit { book, _ in book.expire() }
    }

    public func change(_ id: Int64) async throws(StoreError) -> SettingChange? {
        try await self.reading { db in
            try Row.fetchOne(db, sql: "SELECT * FROM setting_changes WHERE id = ?", arguments: [id]).map(Self.change)
        }
    }

    public func history(of path: String?, limit: Int) async throws(StoreError) -> [SettingChange] {
        try await self.reading { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, at, who, reason, action, path, substr(old, 1, ?3) AS old, substr(new, 1, ?3) AS new, expires_at
                    FROM setting_changes WHERE ?1 IS NULL OR path = ?1 ORDER BY id DESC LIMIT ?2
                    """, arguments: [path, limit, SettingChange.previewLength + 1]
            ).map(Self.change)
        }
    }

    private func edit(
        _ change: @escaping @Sendable (inout OverrideBook, Database) throws -> Void
    ) async throws(StoreError) -> [SettingChange] {
        try await self.committer.write { db in
            var book = OverrideBook(try Self.overrides(db), version: try Self.version(db), at: Self.now)
            try change(&book, db)
            for change in book.changes { try Self.carryOut(change, db) }
            return book.changes
        }
    }

    private static func carryOut(_ change: SettingChange, _ db: Database) throws {
        try db.execute(
            sql: "INSERT INTO setting_changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                change.id, change.at.milliseconds, change.author.name, change.author.reason, change.action.rawValue,
                change.path, change.old, change.new, change.expiresAt?.milliseconds,
            ])
        try db.execute(sql: "DELETE FROM setting_overrides WHERE path = ?", arguments: [change.path])
        guard change.new != nil else { return }
        try db.execute(sql: "INSERT INTO setting_overrides VALUES (?, ?)", arguments: [change.path, change.id])
    }

    private static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }

    private static func version(_ db: Database) throws -> Int64 {
        try Int64.fetchOne(db, sql: "SELECT max(id) FROM setting_changes") ?? 0
    }

    private static func overrides(_ db: Database) throws -> [SettingOverride] {
        try Row.fetchAll(
            db, sql: "SELECT c.* FROM setting_overrides o JOIN setting_changes c ON c.id = o.change ORDER BY o.path"
        ).compactMap { Self.change($0).made }
    }

    private static func change(_ row: Row) -> SettingChange {
        SettingChange(
            id: row["id"], at: Timestamp(milliseconds: row["at"]), author: SettingAuthor(row["who"], reason: row["reason"]),
            action: SettingChange.Action(rawValue: row["action"]) ?? .set, path: row["path"], old: row["old"], new: row["new"],
            expiresAt: (row["expires_at"] as Int64?).map { Timestamp(milliseconds: $0) })
    }
}
