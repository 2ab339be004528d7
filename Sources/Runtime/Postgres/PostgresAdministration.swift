package import CardumeCore

/// What operators ask of the cluster's database, and change in it.
package struct PostgresAdministration: AdminDatabase {
    private static let timeout = Duration.seconds(30)

    private let pool: PostgresPool

    package init(_ pool: PostgresPool) { self.pool = pool }

    package var dialect: AdminDialect { .postgres }

    package func query<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value {
        try await self.transaction(body)
    }

    package func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await self.pool.withConnection { connection in
                try await connection.transaction(within: Self.timeout) { connection in
                    try body { sql, parameters in
                        let statement = PostgresStatement(
                            PostgresStatement.SQL(AdminDialect.postgres.text(of: sql)), parameters.map(\.postgres))
                        return try connection.run([statement], prepared: false, within: Self.timeout)[0].map { AdminRow($0) }
                    }
                }
            }
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(postgres: error)
        }
    }

    static let migration = PostgresMigration(
        version: 9, name: "administration",
        up: """
            -- What people look for in dead letters: filled in when somebody looks. `id` keeps the order in which they died;
            -- `replayed_at`: it is on its way back to its assistant, and no dead letter meanwhile.
            CREATE SEQUENCE cardume.dead_letter_ids AS bigint;
            ALTER TABLE cardume.dead_letters ADD COLUMN id bigint, ADD COLUMN channel text COLLATE "C",
                ADD COLUMN kind text COLLATE "C", ADD COLUMN fingerprint text COLLATE "C", ADD COLUMN search text,
                ADD COLUMN replays bigint NOT NULL DEFAULT 0, ADD COLUMN replayed_at timestamptz;
            UPDATE cardume.dead_letters d SET id = o.id FROM (
                SELECT conversation, message_id, nextval('cardume.dead_letter_ids') AS id FROM (
                    SELECT conversation, message_id FROM cardume.dead_letters ORDER BY at, conversation, message_id
                ) s
            ) o WHERE o.conversation = d.conversation AND o.message_id = d.message_id;
            ALTER TABLE cardume.dead_letters ALTER COLUMN id SET DEFAULT nextval('cardume.dead_letter_ids'),
                ALTER COLUMN id SET NOT NULL;
            CREATE UNIQUE INDEX dead_letters_by_id ON cardume.dead_letters (id);
            CREATE INDEX dead_letters_unread ON cardume.dead_letters (id) WHERE fingerprint IS NULL;
            -- Times of the tables below are milliseconds since 1970.
            CREATE TABLE cardume.replay_jobs (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at bigint NOT NULL, who text NOT NULL, reason text,
                filter text NOT NULL, rate double precision NOT NULL, single_attempt bigint NOT NULL, release bigint NOT NULL,
                resend bigint NOT NULL, state text NOT NULL, runner text, runner_until bigint NOT NULL DEFAULT 0,
                finished_at bigint
            );
            CREATE TABLE cardume.replay_items (
                job bigint NOT NULL, letter bigint NOT NULL, conversation text COLLATE "C" NOT NULL,
                message_id text COLLATE "C" NOT NULL, state text NOT NULL, replay bigint NOT NULL DEFAULT 0,
                is_lifted bigint NOT NULL DEFAULT 0, PRIMARY KEY (job, letter)
            );
            CREATE INDEX replay_items_by_conversation ON cardume.replay_items (job, conversation, letter);
            CREATE INDEX replay_items_by_letter ON cardume.replay_items (letter);
            CREATE TABLE cardume.admin_audit (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at bigint NOT NULL, who text NOT NULL, role text NOT NULL,
                address text NOT NULL, action text NOT NULL, target text NOT NULL, detail text, trace_id text NOT NULL,
                status bigint
            );
            """,
        // What has been appended already must not be taken for a dead letter by an older program.
        down: """
            DELETE FROM cardume.dead_letters d USING cardume.replay_items i
                WHERE i.letter = d.id AND i.state = 'appended' AND d.replayed_at IS NOT NULL;
            DROP TABLE cardume.replay_jobs, cardume.replay_items, cardume.admin_audit;
            ALTER TABLE cardume.dead_letters DROP COLUMN id, DROP COLUMN channel, DROP COLUMN kind, DROP COLUMN fingerprint,
                DROP COLUMN search, DROP COLUMN replays, DROP COLUMN replayed_at;
            DROP SEQUENCE cardume.dead_letter_ids;
            """)
}

extension AdminValue {
    fileprivate var postgres: PostgresParameter {
        switch self {
        case .null: .null
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .text(let value): .text(value)
        case .written(let value): .bytes(Array(value.utf8))
        case .time(let value): .time(value)
        }
    }
}
