import CardumeCore
import GRDB

/// The tables of the embedded store and how they came to be. A migration, once released, never changes.
enum SQLiteSchema {
    /// `CARD`: marks a file as ours.
    static let applicationID: Int32 = 0x4341_5244

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 log and journal") { db in
            try db.execute(sql: "PRAGMA application_id = \(Self.applicationID)")
            try db.execute(sql: Self.version1)
        }
        migrator.registerMigration("2 timers and transfers") { db in try db.execute(sql: Self.version2) }
        migrator.registerMigration("3 lanes") { db in
            try db.execute(
                sql: """
                    -- What the latest turns weighed, of conversations whose turns use tools.
                    CREATE TABLE lane_histories (conversation TEXT PRIMARY KEY, efforts TEXT NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("4 merged turns") { db in try db.execute(sql: Self.version4) }
        migrator.registerMigration("5 settings") { db in try db.execute(sql: Self.version5) }
        migrator.registerMigration("6 gateways") { db in try db.execute(sql: Self.version6) }
        migrator.registerMigration("7 usage") { db in try db.execute(sql: Self.version7) }
        migrator.registerMigration("8 administration") { db in try db.execute(sql: Self.version8) }
        migrator.registerMigration("9 upkeep") { db in try db.execute(sql: UpkeepSchema.sqlite) }
        return migrator
    }

    private static let version1 = """
        CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE assistants (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

        -- The partition log: unsettled messages. `lane` is assistant id << 16 | partition; the id is the offset. Rows of a
        -- lane stand together, because they are read and removed together.
        CREATE TABLE queue (
            id INTEGER NOT NULL, lane INTEGER NOT NULL, conversation TEXT NOT NULL, message_id TEXT NOT NULL,
            kind TEXT NOT NULL, text TEXT, sent_at INTEGER, received_at INTEGER NOT NULL, contact_name TEXT,
            reply_address TEXT NOT NULL, trace_id TEXT NOT NULL, details TEXT, PRIMARY KEY (lane, id)
        ) WITHOUT ROWID;
        -- Deduplication. Shares its ids with `queue`; the newest row is never purged, so no offset is given out twice.
        CREATE TABLE seen (
            id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, message_id TEXT NOT NULL, at INTEGER NOT NULL,
            UNIQUE (conversation, message_id)
        );
        -- Which assistant holds a conversation.
        CREATE TABLE holders (
            conversation TEXT PRIMARY KEY, assistant INTEGER NOT NULL, is_chosen INTEGER NOT NULL,
            latest_at INTEGER NOT NULL
        ) WITHOUT ROWID;

        -- The journal.
        CREATE TABLE turns (
            conversation TEXT NOT NULL, turn TEXT NOT NULL, assistant INTEGER NOT NULL, attempt INTEGER NOT NULL,
            started_at INTEGER NOT NULL, finished_at INTEGER NOT NULL, model TEXT, prompt_tokens INTEGER,
            completion_tokens INTEGER, PRIMARY KEY (conversation, turn)
        ) WITHOUT ROWID;
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, role TEXT NOT NULL, message_id TEXT, kind TEXT,
            text TEXT NOT NULL, sent_at INTEGER, at INTEGER NOT NULL
        );
        CREATE INDEX messages_by_conversation ON messages (conversation);
        CREATE TABLE sends (
            conversation TEXT NOT NULL, turn TEXT NOT NULL, part INTEGER NOT NULL, reply_address TEXT NOT NULL,
            text TEXT NOT NULL, trace_id TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
            attempted_at INTEGER, ambiguous_attempts INTEGER NOT NULL, resends INTEGER NOT NULL, provider_id TEXT,
            last_error TEXT, PRIMARY KEY (conversation, turn, part)
        ) WITHOUT ROWID;
        CREATE TABLE dead_letters (
            id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, message_id TEXT NOT NULL, assistant TEXT NOT NULL,
            category TEXT NOT NULL, error TEXT NOT NULL, attempts INTEGER NOT NULL, at INTEGER NOT NULL,
            message TEXT NOT NULL, UNIQUE (conversation, message_id)
        );
        CREATE TABLE crash_marks (
            conversation TEXT NOT NULL, message_id TEXT NOT NULL, marks INTEGER NOT NULL,
            PRIMARY KEY (conversation, message_id)
        ) WITHOUT ROWID;
        CREATE TABLE holds (conversation TEXT PRIMARY KEY) WITHOUT ROWID;
        CREATE TABLE rejected_webhooks (
            id INTEGER PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL
        );
        """

    private static let version2 = """
        -- One for each conversation of a lane.
        CREATE TABLE timers (
            lane INTEGER NOT NULL, conversation TEXT NOT NULL, due_at INTEGER NOT NULL, timer TEXT NOT NULL,
            PRIMARY KEY (lane, conversation)
        ) WITHOUT ROWID;
        CREATE INDEX timers_by_time ON timers (lane, due_at);
        -- Timers that came to their time: what was said (`spoke`, `silent`, `closed`).
        CREATE TABLE timers_audit (
            id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, assistant INTEGER NOT NULL, rule TEXT NOT NULL,
            outcome TEXT NOT NULL, due_at INTEGER NOT NULL, at INTEGER NOT NULL
        );
        CREATE INDEX queue_by_notice ON queue (lane, conversation) WHERE kind = 'system';
        -- The assistant that the conversation went to after the turn.
        ALTER TABLE turns ADD COLUMN transfer_to TEXT;
        -- What stands before it is no longer shown to models.
        CREATE TABLE closings (conversation TEXT PRIMARY KEY, message_id INTEGER NOT NULL) WITHOUT ROWID;
        """

    private static let version4 = """
        -- A message that another one's turn has answered has a row of its own, which names that turn.
        ALTER TABLE turns ADD COLUMN merged_into TEXT;
        """

    private static let version5 = """
        -- The journal of live settings. `id` counts changes from 1; the latest is the version.
        CREATE TABLE setting_changes (
            id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT, action TEXT NOT NULL,
            path TEXT NOT NULL, old TEXT, new TEXT, expires_at INTEGER
        );
        CREATE INDEX setting_changes_by_path ON setting_changes (path, id);
        -- What is set: the change that did it.
        CREATE TABLE setting_overrides (path TEXT PRIMARY KEY, change INTEGER NOT NULL) WITHOUT ROWID;
        """

    private static let version6 = """
        -- The gateway server that got the latest attempt.
        ALTER TABLE sends ADD COLUMN server TEXT;
        """

    private static let version7 = """
        -- What the journaled turns of a day used. Days are those of the assistant's time zone; costs are in millionths.
        CREATE TABLE usage_daily (
            day TEXT NOT NULL, assistant TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost_micros INTEGER NOT NULL,
            PRIMARY KEY (day, assistant, model)
        ) WITHOUT ROWID;
        """

    private static let version8 = """
        -- What people look for in dead letters: filled in when somebody looks. `replayed_at`: it is on its way back to its
        -- assistant, and no dead letter meanwhile.
        ALTER TABLE dead_letters ADD COLUMN channel TEXT;
        ALTER TABLE dead_letters ADD COLUMN kind TEXT;
        ALTER TABLE dead_letters ADD COLUMN fingerprint TEXT;
        ALTER TABLE dead_letters ADD COLUMN search TEXT;
        ALTER TABLE dead_letters ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE dead_letters ADD COLUMN replayed_at INTEGER;
        CREATE INDEX dead_letters_unread ON dead_letters (id) WHERE fingerprint IS NULL;
        -- Times of the tables below are milliseconds since 1970.
        CREATE TABLE replay_jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT, filter TEXT NOT NULL,
            rate REAL NOT NULL, single_attempt INTEGER NOT NULL, release INTEGER NOT NULL, resend INTEGER NOT NULL,
            state TEXT NOT NULL, runner TEXT, runner_until INTEGER NOT NULL DEFAULT 0, finished_at INTEGER
        );
        CREATE TABLE replay_items (
            job INTEGER NOT NULL, letter INTEGER NOT NULL, conversation TEXT NOT NULL, message_id TEXT NOT NULL,
            state TEXT NOT NULL, replay INTEGER NOT NULL DEFAULT 0, is_lifted INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (job, letter)
        ) WITHOUT ROWID;
        CREATE INDEX replay_items_by_conversation ON replay_items (job, conversation, letter);
        CREATE INDEX replay_items_by_letter ON replay_items (letter);
        CREATE TABLE admin_audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL,
            address TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT, trace_id TEXT NOT NULL,
            status INTEGER
        );
        """
}
