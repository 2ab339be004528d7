import Synchronization

/// The journal's statements.
enum PostgresJournalSQL {
    /// What a group of records holds; each has a part in its statement.
    struct Parts: OptionSet, Hashable {
        let rawValue: Int

        static let turns = Parts(rawValue: 1)
        static let intents = Parts(rawValue: 2)
        static let sends = Parts(rawValue: 4)
        static let letters = Parts(rawValue: 8)
        static let marks = Parts(rawValue: 16)
        static let cleared = Parts(rawValue: 32)
        static let timers = Parts(rawValue: 64)
        static let efforts = Parts(rawValue: 128)
        static let merged = Parts(rawValue: 256)
        static let usage = Parts(rawValue: 512)
    }

    /// Parameters are numbered in the order of the parts.
    static func commit(_ parts: Parts) -> PostgresStatement.SQL {
        Self.commits.withLock { commits in
            if let known = commits[parts] { return known }
            let composed = Self.composed(parts)
            commits[parts] = composed
            return composed
        }
    }

    /// Combinations that were needed so far: of all there may be, a process meets a few.
    private static let commits = Mutex<[Parts: PostgresStatement.SQL]>([:])

    static let sendTypes: [PostgresType] = [
        .int8, .text, .text, .int8, .text, .bytea, .text, .text, .int8, .timestamptz, .int8, .int8, .text, .text, .text,
    ]
    static let sendColumns = """
        conversation, turn, part, reply_address, text, trace_id, state, attempts, attempted_at, ambiguous_attempts, resends, \
        provider_id, last_error, server
        """

    private static func composed(_ parts: Parts) -> PostgresStatement.SQL {
        var count = 0
        /// The next parameters, one array for each type, as rows.
        func rows(_ types: String, _ name: String) -> String {
            let columns = types.split(separator: " ").map { type in
                count += 1
                return "$\(count)::\(type)[]"
            }
            return "unnest(\(columns.joined(separator: ", "))) \(name)"
        }
        let fences = rows("text int8 int8", "WITH ORDINALITY f")
        let all: [Parts] = [.turns, .intents, .sends, .letters, .marks, .cleared, .timers, .efforts, .merged, .usage]
        let body = all.filter(parts.contains).map { Self.part($0, rows) }.joined()
        return PostgresStatement.SQL(
            """
            WITH fences AS (
                SELECT f.fence, l.assistant, l.partition
                FROM \(fences) (assistant, partition, epoch, fence)
                JOIN cardume.leases l ON l.assistant = f.assistant AND l.partition = f.partition AND l.epoch = f.epoch
                ORDER BY l.assistant, l.partition FOR SHARE OF l
            )\(body)
            SELECT fence, NULL::text FROM fences
            """ + (parts.contains(.turns) ? " UNION ALL SELECT NULL, conversation FROM inserted" : ""))
    }

    private static func part(_ part: Parts, _ rows: (String, String) -> String) -> String {
        let sends = "int8 text text int8 text bytea text text int8 timestamptz int8 int8 text text text"
        let send = "(fence, \(Self.sendColumns))"
        switch part {
        case .turns:
            return """
                , inserted AS (
                    INSERT INTO cardume.turns (conversation, turn, assistant, attempt, started_at, finished_at, model,
                        prompt_tokens, completion_tokens, transfer_to)
                    SELECT conversation, turn, t.assistant, attempt, started_at, finished_at, model, prompt, completion, next
                    FROM \(rows("int8 text text text int8 timestamptz timestamptz text int8 int8 text", "t")) (fence,
                        conversation, turn, assistant, attempt, started_at, finished_at, model, prompt, completion, next)
                    JOIN fences USING (fence) ORDER BY conversation, turn ON CONFLICT DO NOTHING
                    RETURNING conversation, turn, turns.assistant, attempt, started_at, finished_at
                ), talked AS (
                    INSERT INTO cardume.conversations AS c (conversation, assistant, turns, first_at, latest_at)
                    SELECT conversation, assistant, 1, finished_at, finished_at FROM inserted ORDER BY conversation
                    ON CONFLICT (conversation) DO UPDATE SET assistant = excluded.assistant, turns = c.turns + 1,
                        latest_at = excluded.latest_at
                ), lines AS (
                    INSERT INTO cardume.messages (at, conversation, role, message_id, kind, sent_at, text)
                    SELECT at, l.conversation, role, message_id, kind, sent_at, text
                    FROM \(rows("text text timestamptz text text text int8 bytea", "WITH ORDINALITY l")) (conversation,
                        turn, at, role, message_id, kind, sent_at, text, number)
                    JOIN inserted i ON i.conversation = l.conversation AND i.turn = l.turn ORDER BY number
                )
                """
        case .intents:
            return """
                , intents AS (
                    INSERT INTO cardume.sends (\(Self.sendColumns))
                    SELECT \(Self.sendColumns) FROM \(rows(sends, "s")) \(send)
                    JOIN inserted USING (conversation, turn) ORDER BY conversation, turn, part ON CONFLICT DO NOTHING
                )
                """
        case .sends:
            return """
                , sent AS (
                    INSERT INTO cardume.sends (\(Self.sendColumns))
                    SELECT \(Self.sendColumns) FROM \(rows(sends, "s")) \(send)
                    JOIN fences USING (fence) ORDER BY conversation, turn, part
                    ON CONFLICT (conversation, turn, part) DO UPDATE SET state = excluded.state,
                        attempts = excluded.attempts, attempted_at = excluded.attempted_at,
                        ambiguous_attempts = excluded.ambiguous_attempts, resends = excluded.resends,
                        provider_id = excluded.provider_id, last_error = excluded.last_error, server = excluded.server
                )
                """
        case .letters:
            return """
                , letters AS (
                    SELECT l.* FROM \(rows("int8 text text text text text int8 timestamptz bytea bool", "l")) (fence,
                        conversation, message_id, assistant, category, error, attempts, at, message, holds)
                    JOIN fences USING (fence) ORDER BY conversation, message_id
                ), dead AS (
                    INSERT INTO cardume.dead_letters AS d (conversation, message_id, assistant, category, error, attempts, at,
                        message)
                    SELECT conversation, message_id, assistant, category, error, attempts, at, message FROM letters
                    ON CONFLICT (conversation, message_id) DO UPDATE SET assistant = excluded.assistant,
                        category = excluded.category, error = excluded.error, attempts = d.attempts + excluded.attempts,
                        at = excluded.at, fingerprint = NULL, replayed_at = NULL
                    WHERE d.replayed_at IS NOT NULL
                ), held AS (
                    INSERT INTO cardume.holds (conversation) SELECT conversation FROM letters WHERE holds
                    ON CONFLICT DO NOTHING
                )
                """
        case .marks:
            return """
                , marked AS (
                    INSERT INTO cardume.crash_marks AS c (conversation, message_id, assistant, partition, marks, attempt)
                    SELECT conversation, message_id, assistant, partition, 1, attempt
                    FROM \(rows("int8 text text int8", "m")) (fence, conversation, message_id, attempt)
                    JOIN fences USING (fence) ORDER BY conversation, message_id
                    ON CONFLICT (conversation, message_id) DO UPDATE SET marks = c.marks + 1, attempt = excluded.attempt,
                        assistant = excluded.assistant, partition = excluded.partition
                    WHERE c.attempt <> excluded.attempt
                )
                """
        case .cleared:
            return """
                , cleared AS (
                    DELETE FROM cardume.crash_marks c
                    USING \(rows("int8 text text", "m")) (fence, conversation, message_id) JOIN fences USING (fence)
                    WHERE c.conversation = m.conversation AND c.message_id = m.message_id
                )
                """
        case .timers:
            return """
                , fired AS (
                    SELECT t.*, assistant, finished_at FROM \(rows("text text text text timestamptz", "t")) (conversation, turn, rule,
                        outcome, due_at) JOIN inserted USING (conversation, turn)
                ), audited AS (
                    INSERT INTO cardume.timers_audit (conversation, assistant, rule, outcome, due_at, at)
                    SELECT conversation, assistant, rule, outcome, due_at, finished_at FROM fired
                ), closed AS (
                    INSERT INTO cardume.closings SELECT conversation, finished_at FROM fired WHERE outcome = 'closed'
                    ORDER BY conversation ON CONFLICT (conversation) DO UPDATE SET at = excluded.at
                )
                """
        case .efforts:
            return """
                , weighed AS (
                    INSERT INTO cardume.lane_histories (conversation, efforts)
                    SELECT conversation, efforts FROM \(rows("text text text", "e")) (conversation, turn, efforts)
                    JOIN inserted USING (conversation, turn) ORDER BY conversation
                    ON CONFLICT (conversation) DO UPDATE SET efforts = excluded.efforts
                )
                """
        case .merged:
            return """
                , merged AS (
                    INSERT INTO cardume.turns (conversation, turn, assistant, attempt, started_at, finished_at, merged_into)
                    SELECT conversation, message_id, assistant, attempt, started_at, finished_at, turn
                    FROM \(rows("text text text", "m")) (conversation, turn, message_id) JOIN inserted USING (conversation, turn)
                    ORDER BY conversation, message_id ON CONFLICT DO NOTHING
                )
                """
        case .usage:
            // The modulus bounds how many rows a day has; two writers that share one wait for each other, no more.
            return """
                , used AS (
                    INSERT INTO cardume.usage_daily AS d (day, assistant, model, writer, requests, prompt_tokens,
                        completion_tokens, cost_micros)
                    SELECT day::date, assistant, model, pg_backend_pid() % 16, count(*), sum(prompt), sum(completion), sum(cost)
                    FROM \(rows("text text text text int8 int8 int8", "u")) (conversation, turn, day, model, prompt,
                        completion, cost)
                    JOIN inserted USING (conversation, turn) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                    ON CONFLICT (day, assistant, model, writer) DO UPDATE SET requests = d.requests + excluded.requests,
                        prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
                        completion_tokens = d.completion_tokens + excluded.completion_tokens,
                        cost_micros = d.cost_micros + excluded.cost_micros
                )
                """
        default:
            preconditionFailure("not a single part: \(part)")
        }
    }

    /// Dead letter, turn, marks, transfer and whose turn has answered it, of each entry.
    static let standing: PostgresStatement.SQL = """
        SELECT EXISTS (
            SELECT FROM cardume.dead_letters d
            WHERE d.conversation = e.conversation AND d.message_id = e.message_id AND d.replayed_at IS NULL
        ), EXISTS (
            SELECT FROM cardume.turns t WHERE t.conversation = e.conversation AND t.turn = e.message_id
        ), (
            SELECT marks FROM cardume.crash_marks c WHERE c.conversation = e.conversation AND c.message_id = e.message_id
        ), (
            SELECT transfer_to FROM cardume.turns t WHERE t.conversation = e.conversation AND t.turn = e.message_id
        ), (
            SELECT merged_into FROM cardume.turns t WHERE t.conversation = e.conversation AND t.turn = e.message_id
        )
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY e (conversation, message_id, number) ORDER BY number
        """

    /// The sends of each entry's turn.
    static let sendsOfTurns = PostgresStatement.SQL(
        """
        SELECT number, part, reply_address, text, trace_id, state, attempts, attempted_at, ambiguous_attempts, resends,
            provider_id, last_error, server
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY e (conversation, turn, number)
        JOIN cardume.sends s ON s.conversation = e.conversation AND s.turn = e.turn ORDER BY number, part
        """)

    /// The latest lines of each conversation since it was closed last, latest first.
    static let context: PostgresStatement.SQL = """
        SELECT number, role, text FROM unnest($1::text[], $2::int8[]) WITH ORDINALITY c (conversation, wanted, number),
        LATERAL (
            SELECT id, role, text FROM cardume.messages m WHERE m.conversation = c.conversation
                AND at > coalesce((SELECT at FROM cardume.closings d WHERE d.conversation = c.conversation), '-infinity')
            ORDER BY id DESC LIMIT wanted
        ) m ORDER BY number, id DESC
        """

    static let efforts: PostgresStatement.SQL = """
        SELECT conversation, efforts FROM cardume.lane_histories WHERE conversation = ANY ($1::text[])
        """

    static let holds: PostgresStatement.SQL = "SELECT conversation FROM cardume.holds WHERE conversation = ANY ($1::text[])"

    /// When the first line was journaled since it was closed last.
    static let beginning: PostgresStatement.SQL = """
        SELECT at FROM cardume.messages WHERE conversation = $1
            AND at > coalesce((SELECT at FROM cardume.closings WHERE conversation = $1), '-infinity')
        ORDER BY id LIMIT 1
        """

    static let providerIDs: PostgresStatement.SQL = """
        SELECT provider_id FROM cardume.sends WHERE conversation = $1 AND provider_id IS NOT NULL
        ORDER BY attempted_at DESC LIMIT 200
        """

    static let lift: PostgresStatement.SQL = "DELETE FROM cardume.holds WHERE conversation = $1"

    /// Numbers may have gaps, so that somewhat fewer than `$5` are kept now and then.
    static let reject: PostgresStatement.SQL = """
        WITH latest AS (
            INSERT INTO cardume.rejected_webhooks (source, reason, body, at) VALUES ($1, $2, $3, $4) RETURNING id
        )
        DELETE FROM cardume.rejected_webhooks r USING latest WHERE r.id <= latest.id - $5
        """

    static let usage: PostgresStatement.SQL = """
        SELECT day::text, assistant, model, sum(requests)::int8, sum(prompt_tokens)::int8, sum(completion_tokens)::int8,
            sum(cost_micros)::int8
        FROM cardume.usage_daily WHERE day >= $1::text::date GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """
}
