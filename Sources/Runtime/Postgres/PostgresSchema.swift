/// The cluster deployment's tables, in a PostgreSQL schema of their own, and how they came to be.
package enum PostgresSchema {
    /// Run before every migration.
    static let bookkeeping = """
        CREATE SCHEMA IF NOT EXISTS cardume;
        CREATE TABLE IF NOT EXISTS cardume.migrations (
            version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        """

    package static let migrations = [
        PostgresMigration(version: 1, name: "journal and ownership", up: Self.version1, down: Self.version1Down),
        PostgresMigration(
            version: 2, name: "lanes",
            up: """
                -- What the latest turns weighed, of conversations whose turns use tools.
                CREATE TABLE cardume.lane_histories (conversation text COLLATE "C" PRIMARY KEY, efforts text NOT NULL);
                """, down: "DROP TABLE cardume.lane_histories;"),
        PostgresMigration(version: 3, name: "merged turns", up: Self.mergedTurns, down: Self.mergedTurnsDown),
        PostgresMigration(version: 4, name: "live settings", up: Self.settings, down: Self.settingsDown),
        PostgresMigration(
            version: 5, name: "gateway servers", up: "ALTER TABLE cardume.sends ADD COLUMN server text COLLATE \"C\";",
            down: "ALTER TABLE cardume.sends DROP COLUMN server;"),
        PostgresTurnLoad.migration,
        PostgresMigration(version: 7, name: "usage", up: Self.usage, down: "DROP TABLE cardume.usage_daily;"),
        PostgresMigration(
            version: 8, name: "addresses of members", up: "ALTER TABLE cardume.members ADD COLUMN address text;",
            down: "ALTER TABLE cardume.members DROP COLUMN address;"),
        PostgresAdministration.migration,
        PostgresMigration(version: 10, name: "upkeep", up: UpkeepSchema.postgres, down: UpkeepSchema.postgresDown),
    ]

    /// Names are compared byte for byte (`"C"`). What people write is UTF-8 in `bytea`, because `text` cannot hold a NUL.
    private static let version1 = """
        CREATE TABLE cardume.settings (
            name text COLLATE "C" PRIMARY KEY, value text NOT NULL, changed_by text NOT NULL DEFAULT '',
            changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );

        -- Ownership. Every member rewrites its row each second or two: room for the new version on the same page, and dead
        -- ones taken away early.
        CREATE TABLE cardume.members (
            id text COLLATE "C" PRIMARY KEY, queues text[] NOT NULL, expires_at timestamptz NOT NULL
        ) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
        CREATE TABLE cardume.leases (
            assistant text COLLATE "C" NOT NULL, partition integer NOT NULL, member text COLLATE "C",
            epoch bigint NOT NULL, is_clean boolean NOT NULL, PRIMARY KEY (assistant, partition)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

        -- The journal. A conversation's row is rewritten with each of its turns; no index is on what changes.
        CREATE TABLE cardume.conversations (
            conversation text COLLATE "C" PRIMARY KEY, assistant text COLLATE "C" NOT NULL, turns bigint NOT NULL,
            first_at timestamptz NOT NULL, latest_at timestamptz NOT NULL
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE cardume.turns (
            conversation text COLLATE "C" NOT NULL, turn text COLLATE "C" NOT NULL, assistant text COLLATE "C" NOT NULL,
            attempt integer NOT NULL, started_at timestamptz NOT NULL, finished_at timestamptz NOT NULL, model text,
            prompt_tokens bigint, completion_tokens bigint, transfer_to text COLLATE "C", PRIMARY KEY (conversation, turn)
        );
        -- Rows come in the order of time: a few bytes for each 128 pages find those whose time is over.
        CREATE INDEX turns_by_time ON cardume.turns USING brin (finished_at);

        -- Lines of conversations. `id` orders them; `at` decides the partition, and with it when they are dropped.
        CREATE SEQUENCE cardume.message_ids AS bigint;
        CREATE TABLE cardume.messages (
            id bigint NOT NULL DEFAULT nextval('cardume.message_ids'), at timestamptz NOT NULL,
            conversation text COLLATE "C" NOT NULL, role text NOT NULL, message_id text COLLATE "C", kind text,
            sent_at bigint, text bytea NOT NULL
        ) PARTITION BY RANGE (at);
        CREATE INDEX messages_by_conversation ON cardume.messages (conversation, id DESC);
        CREATE TABLE cardume.messages_default PARTITION OF cardume.messages DEFAULT;

        -- A send is written twice or more: begun, ended.
        CREATE TABLE cardume.sends (
            conversation text COLLATE "C" NOT NULL, turn text COLLATE "C" NOT NULL, part integer NOT NULL,
            reply_address text NOT NULL, text bytea NOT NULL, trace_id text NOT NULL, state text NOT NULL,
            attempts integer NOT NULL, attempted_at timestamptz, ambiguous_attempts integer NOT NULL,
            resends integer NOT NULL, provider_id text COLLATE "C", last_error text,
            PRIMARY KEY (conversation, turn, part)
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
        CREATE INDEX sends_unfinished ON cardume.sends (attempted_at) WHERE state IN ('pending', 'sending', 'unknown');

        CREATE TABLE cardume.dead_letters (
            conversation text COLLATE "C" NOT NULL, message_id text COLLATE "C" NOT NULL,
            assistant text COLLATE "C" NOT NULL, category text NOT NULL, error text NOT NULL, attempts integer NOT NULL,
            at timestamptz NOT NULL, message bytea NOT NULL, PRIMARY KEY (conversation, message_id)
        );
        CREATE INDEX dead_letters_by_time ON cardume.dead_letters (at);
        CREATE INDEX dead_letters_by_assistant ON cardume.dead_letters (assistant, at);

        -- `attempt` names the commit that wrote the row last, so that one whose outcome was lost counts once.
        CREATE TABLE cardume.crash_marks (
            conversation text COLLATE "C" NOT NULL, message_id text COLLATE "C" NOT NULL,
            assistant text COLLATE "C" NOT NULL, partition integer NOT NULL, marks integer NOT NULL, attempt bigint NOT NULL,
            PRIMARY KEY (conversation, message_id)
        );
        CREATE TABLE cardume.holds (
            conversation text COLLATE "C" PRIMARY KEY, since timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE TABLE cardume.rejected_webhooks (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source text NOT NULL, reason text NOT NULL,
            body bytea NOT NULL, at timestamptz NOT NULL
        );
        -- Timers that came to their time: what was said (`spoke`, `silent`, `closed`).
        CREATE TABLE cardume.timers_audit (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, conversation text COLLATE "C" NOT NULL,
            assistant text COLLATE "C" NOT NULL, rule text COLLATE "C" NOT NULL, outcome text NOT NULL,
            due_at timestamptz NOT NULL, at timestamptz NOT NULL
        );
        CREATE INDEX timers_audit_by_conversation ON cardume.timers_audit (conversation, at);
        CREATE INDEX timers_audit_by_time ON cardume.timers_audit USING brin (at);
        -- What stands before it is no longer shown to models.
        CREATE TABLE cardume.closings (conversation text COLLATE "C" PRIMARY KEY, at timestamptz NOT NULL);
        """

    private static let version1Down = """
        DROP TABLE cardume.settings, cardume.members, cardume.leases, cardume.conversations, cardume.turns, cardume.messages, cardume.sends,
            cardume.dead_letters, cardume.crash_marks, cardume.holds, cardume.rejected_webhooks, cardume.timers_audit,
            cardume.closings;
        DROP SEQUENCE cardume.message_ids;
        """

    /// A message that another one's turn has answered has a row of its own, which names that turn.
    private static let mergedTurns = """
        ALTER TABLE cardume.turns ADD COLUMN merged_into text COLLATE "C";
        """

    /// The rows stay: their messages are answered. Of sends that were dropped, an older program would take the state for a doubt.
    private static let mergedTurnsDown = """
        UPDATE cardume.sends SET state = 'refused', last_error = 'too late' WHERE state = 'dropped';
        ALTER TABLE cardume.turns DROP COLUMN merged_into;
        """
    private static let settings = """
        -- The journal of live settings. `id` counts changes from 1, in the order in which they were committed; the latest is
        -- the version that every process asks for twice a second.
        CREATE TABLE cardume.setting_changes (
            id bigint PRIMARY KEY, at timestamptz NOT NULL, who text NOT NULL, reason text, action text NOT NULL,
            path text COLLATE "C" NOT NULL, old text, new text, expires_at timestamptz
        );
        CREATE INDEX setting_changes_by_path ON cardume.setting_changes (path, id DESC);
        -- What is set: the change that did it.
        CREATE TABLE cardume.setting_overrides (
            path text COLLATE "C" PRIMARY KEY, change bigint NOT NULL REFERENCES cardume.setting_changes
        );
        """

    private static let settingsDown = "DROP TABLE cardume.setting_overrides, cardume.setting_changes;"
    private static let usage = """
        -- What the journaled turns of a day used. Days are those of the assistant's time zone; costs are in millionths. A row
        -- stays locked until its writer's commit is on disk: connections write rows of their own, and readers add them up.
        CREATE TABLE cardume.usage_daily (
            day date NOT NULL, assistant text COLLATE "C" NOT NULL, model text COLLATE "C" NOT NULL, writer smallint NOT NULL,
            requests bigint NOT NULL, prompt_tokens bigint NOT NULL, completion_tokens bigint NOT NULL,
            cost_micros bigint NOT NULL, PRIMARY KEY (day, assistant, model, writer)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
        """
}
