package import CardumeCore

/// What the database knows of the archive, and what comes back from it.
extension UpkeepStore {
    package var storeName: String { self.dialect == .postgres ? "postgres" : "sqlite" }

    /// The number of this program's latest change of the tables.
    var schemaVersion: Int {
        self.dialect == .postgres ? PostgresSchema.migrations.count : SQLiteSchema.migrator.migrations.count
    }

    /// Of `files`, those whose conversations may still be in the database.
    func unfinished(_ files: [String]) async throws(StoreError) -> [String] {
        guard !files.isEmpty else { return [] }
        let done = try await self.database.query { query in
            Set(try query("SELECT name FROM {archive_files} ORDER BY 1", []).compactMap { $0.text(0) })
        }
        return files.filter { !done.contains($0) }
    }

    /// What `file` holds is nowhere else.
    func finished(_ file: String) async throws(StoreError) {
        let now = self.dialect.now
        try await self.database.transaction { query in
            _ = try query("INSERT INTO {archive_files} (name, at) VALUES ($1, \(now)) ON CONFLICT DO NOTHING", [.text(file)])
        }
    }

    /// Brings a conversation back, as it was; it stays for `time` before it is archived again. Rows that are there already, of a
    /// restore before or because the conversation has gone on, are left as they are. In one transaction, so that it may be
    /// repeated.
    ///
    /// - Parameter isDryRun: whether to look only.
    /// - Returns: how many rows were missing.
    package func restore(
        _ archived: ArchivedConversation, for time: Duration, isDryRun: Bool
    ) async throws(StoreError) -> ArchiveCounts {
        let dialect = self.dialect
        guard !isDryRun else {
            return try await self.database.query { try ArchiveRestore(archived, dialect, $0).missing }
        }
        return try await self.database.transaction { query in
            let restore = try ArchiveRestore(archived, dialect, query)
            _ = try query(
                """
                INSERT INTO {archive_restores} (conversation, kept_until) VALUES ($1, \(dialect.now) + $2)
                ON CONFLICT (conversation) DO UPDATE SET kept_until = excluded.kept_until
                """, [.text(archived.conversation), .int(time.milliseconds)])
            try restore.insert(query)
            return restore.missing
        }
    }
}
