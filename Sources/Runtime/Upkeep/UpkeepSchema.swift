/// The tables of upkeep. Times are milliseconds since 1970.
enum UpkeepSchema {
    /// The one row begins as if a pass had just succeeded: one that never does is noticed two days later.
    ///
    /// Deleting in small steps leaves dead rows in the oldest part of a table; they are taken away before they are many.
    static let postgres = """
        CREATE TABLE cardume.upkeep (
            id bigint PRIMARY KEY, holder text, holder_until bigint NOT NULL, due_at bigint NOT NULL,
            succeeded_at bigint NOT NULL, archives bigint NOT NULL, walked_to text COLLATE "C" NOT NULL
        ) WITH (fillfactor = 50);
        INSERT INTO cardume.upkeep VALUES (1, NULL, 0, 0, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint), 0, '');
        -- Archive files whose conversations are deleted.
        CREATE TABLE cardume.archive_files (name text COLLATE "C" PRIMARY KEY, at bigint NOT NULL);
        -- Conversations that somebody has brought back: they stay for a while.
        CREATE TABLE cardume.archive_restores (conversation text COLLATE "C" PRIMARY KEY, kept_until bigint NOT NULL);
        ALTER TABLE cardume.turns SET (autovacuum_vacuum_scale_factor = 0.02);
        """

    static let postgresDown = """
        DROP TABLE cardume.upkeep, cardume.archive_files, cardume.archive_restores;
        ALTER TABLE cardume.turns RESET (autovacuum_vacuum_scale_factor);
        """

    static let sqlite = """
        CREATE TABLE upkeep (
            id INTEGER PRIMARY KEY, holder TEXT, holder_until INTEGER NOT NULL, due_at INTEGER NOT NULL,
            succeeded_at INTEGER NOT NULL, archives INTEGER NOT NULL, walked_to TEXT NOT NULL
        );
        INSERT INTO upkeep VALUES (1, NULL, 0, 0, CAST((julianday('now') - 2440587.5) * 86400000 AS bigint), 0, '');
        -- Archive files whose conversations are deleted.
        CREATE TABLE archive_files (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
        -- Conversations that somebody has brought back: they stay for a while.
        CREATE TABLE archive_restores (conversation TEXT PRIMARY KEY, kept_until INTEGER NOT NULL) WITHOUT ROWID;
        """
}
