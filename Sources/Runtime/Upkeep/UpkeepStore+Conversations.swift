import CardumeCore

/// Conversations as a whole: found, read, deleted.
extension UpkeepStore {
    /// A conversation on the walk.
    struct Seat: Sendable {
        var conversation: Conversation.ID
        /// The end of its latest turn.
        var latestAt: Timestamp
        /// Whether it is silent and free.
        var isDue: Bool
    }

    /// What came of deleting one.
    enum Removal: Hashable, Sendable {
        case removed(ArchiveCounts)
        /// There is nothing of it.
        case gone
        /// It is not as it was, or somebody is at it.
        case changed
    }

    /// The next conversations after `conversation`, in the order of their names, due or not.
    ///
    /// - Parameter silence: since when those must have been silent that are due.
    func page(after conversation: String, silentSince silence: Timestamp, limit: Int) async throws(StoreError) -> [Seat] {
        let (latest, isNewest): (String, String)
        switch self.dialect {
        case .postgres:
            (latest, isNewest) = (
                "SELECT t.conversation, t.latest_at FROM {conversations} t WHERE t.conversation > $1 ORDER BY 1 LIMIT $2", ""
            )
        case .sqlite:
            // Numbers of lines are given out once only as long as the highest is there.
            (latest, isNewest) = (
                """
                SELECT t.conversation AS conversation, max(t.finished_at) AS latest_at FROM {turns} t WHERE t.conversation > $1
                GROUP BY t.conversation ORDER BY 1 LIMIT $2
                """, "AND c.conversation <> coalesce((SELECT l.conversation FROM {messages} l ORDER BY l.id DESC LIMIT 1), '')"
            )
        }
        let dialect = self.dialect
        return try await self.database.query { query in
            try query(
                """
                SELECT c.conversation, \(dialect.milliseconds("c.latest_at")),
                    CASE WHEN c.latest_at < $3 AND \(Self.isFree("c.conversation", dialect)) \(isNewest) THEN 1 ELSE 0 END
                FROM (\(latest)) c ORDER BY 1
                """, [.text(conversation), .int(Int64(limit)), .time(silence)]
            ).map { row in
                Seat(
                    conversation: Conversation.ID(row.text(0) ?? ""), latestAt: row.time(1) ?? Timestamp(milliseconds: 0),
                    isDue: row.count(2) == 1)
            }
        }
    }

    /// Deletes all there is of a conversation, if its latest turn is still the one that ended then, it is free, and its rows are
    /// as many as expected.
    ///
    /// A commit of the conversation waits for this transaction, or this one passes the conversation over: what is counted is
    /// what is deleted.
    ///
    /// - Parameter expected: `nil` for any number.
    func remove(_ seat: Seat, expecting expected: ArchiveCounts?) async throws(StoreError) -> Removal {
        let dialect = self.dialect
        return try await self.database.transaction { query in
            let id = AdminValue.text(seat.conversation.rawValue)
            guard try Self.take(seat, dialect, query) else {
                let table = dialect == .postgres ? "{conversations}" : "{turns}"
                let isThere = try !query("SELECT 1 FROM \(table) WHERE conversation = $1 LIMIT 1", [id]).isEmpty
                return isThere ? .changed : .gone
            }
            if let expected {
                func count(_ table: String) throws -> Int {
                    try query("SELECT count(*) FROM \(table) WHERE conversation = $1", [id])[0].count(0)
                }
                let found = ArchiveCounts(
                    lines: try count("{messages}"), turns: try count("{turns}"), sends: try count("{sends}"),
                    timers: try count("{timers_audit}"))
                guard found == expected else { return .changed }
            }
            func delete(_ table: String) throws -> Int {
                try query("DELETE FROM \(table) WHERE conversation = $1 RETURNING 1", [id]).count
            }
            let removed = ArchiveCounts(
                lines: try delete("{messages}"), turns: try delete("{turns}"), sends: try delete("{sends}"),
                timers: try delete("{timers_audit}"))
            for table in ["{closings}", "{lane_histories}", "{archive_restores}"] { _ = try delete(table) }
            if dialect == .postgres { _ = try delete("{conversations}") }
            return .removed(removed)
        }
    }

    /// Keeps others from committing turns of a conversation until the transaction's end.
    ///
    /// - Returns: `false` when it is not as it was, or somebody is at it.
    private static func take(_ seat: Seat, _ dialect: AdminDialect, _ query: AdminQuery) throws -> Bool {
        let parameters: [AdminValue] = [.text(seat.conversation.rawValue), .int(seat.latestAt.milliseconds)]
        switch dialect {
        case .postgres:
            // Whoever is in a deadlock with this gets what it wants: it waits for a second before it looks.
            _ = try query("SET LOCAL lock_timeout = 500", [])
            return try !query(
                """
                SELECT c.conversation FROM {conversations} c WHERE c.conversation = $1
                AND \(dialect.milliseconds("c.latest_at")) = $2 AND \(Self.isFree("c.conversation", dialect))
                FOR UPDATE OF c SKIP LOCKED
                """, parameters
            ).isEmpty
        case .sqlite:
            return try !query(
                """
                SELECT 1 FROM (SELECT $1 AS conversation) c
                WHERE (SELECT max(t.finished_at) FROM {turns} t WHERE t.conversation = $1) = $2
                AND \(Self.isFree("c.conversation", dialect))
                """, parameters
            ).isEmpty
        }
    }

    // MARK: Reading

    /// All there is of a conversation, at one moment in the embedded deployment; in a cluster, ``remove(_:expecting:)`` finds
    /// out whether it has changed meanwhile.
    func read(_ seat: Seat) async throws(StoreError) -> ArchivedConversation {
        let dialect = self.dialect
        return try await self.database.query { query in
            let id = [AdminValue.text(seat.conversation.rawValue)]
            var archived = ArchivedConversation(
                conversation: seat.conversation.rawValue, latest_at: WrittenTime(seat.latestAt))
            archived.lines = try query(
                """
                SELECT id, \(dialect.milliseconds("at")), role, message_id, kind, sent_at, text FROM {messages}
                WHERE conversation = $1 ORDER BY id
                """, id
            ).map { row in
                ArchivedConversation.Line(
                    id: row.int(0) ?? 0, at: row.written(1), role: row.text(2) ?? "", message_id: row.text(3),
                    kind: row.text(4), sent_at: row.int(5), text: row.text(6) ?? "")
            }
            archived.turns = try query(Self.turns(dialect), id).map(Self.turn)
            archived.sends = try query(Self.sends(dialect), id).map(Self.send)
            archived.timers = try query(Self.timers(dialect), id).map { row in
                ArchivedConversation.Timer(
                    assistant: row.text(0) ?? "", rule: row.text(1) ?? "", outcome: row.text(2) ?? "",
                    due_at: row.written(3), at: row.written(4))
            }
            archived.efforts = try query("SELECT efforts FROM {lane_histories} WHERE conversation = $1", id).first?.text(0)
            try Self.complete(&archived, id, dialect, query)
            return archived
        }
    }

    /// What the databases have in different ways.
    private static func complete(
        _ archived: inout ArchivedConversation, _ id: [AdminValue], _ dialect: AdminDialect, _ query: AdminQuery
    ) throws {
        guard dialect == .postgres else {
            archived.closed_after = try query("SELECT message_id FROM {closings} WHERE conversation = $1", id).first?.int(0)
            return
        }
        archived.closed_at =
            try query("SELECT \(dialect.milliseconds("at")) FROM {closings} WHERE conversation = $1", id)
            .first?.time(0).map(WrittenTime.init)
        archived.summary =
            try query(
                "SELECT assistant, turns, \(dialect.milliseconds("first_at")) FROM {conversations} WHERE conversation = $1", id
            ).first.map { row in
                ArchivedConversation.Summary(
                    assistant: row.text(0) ?? "", turns: row.int(1) ?? 0, first_at: row.written(2))
            }
    }

    /// Assistants have numbers in one database, and names in the other.
    private static func assistant(_ dialect: AdminDialect) -> String {
        dialect == .sqlite ? "(SELECT a.name FROM assistants a WHERE a.id = t.assistant)" : "t.assistant"
    }

    private static func turns(_ dialect: AdminDialect) -> String {
        """
        SELECT t.turn, \(Self.assistant(dialect)), t.attempt, \(dialect.milliseconds("t.started_at")),
            \(dialect.milliseconds("t.finished_at")), t.model, t.prompt_tokens, t.completion_tokens, t.transfer_to,
            t.merged_into
        FROM {turns} t WHERE t.conversation = $1 ORDER BY t.finished_at, t.turn
        """
    }

    private static func turn(_ row: AdminRow) -> ArchivedConversation.Turn {
        ArchivedConversation.Turn(
            turn: row.text(0) ?? "", assistant: row.text(1) ?? "", attempt: row.int(2) ?? 0, started_at: row.written(3),
            finished_at: row.written(4), model: row.text(5), prompt_tokens: row.int(6), completion_tokens: row.int(7),
            transfer_to: row.text(8), merged_into: row.text(9))
    }

    private static func sends(_ dialect: AdminDialect) -> String {
        """
        SELECT turn, part, reply_address, text, trace_id, state, attempts, \(dialect.milliseconds("attempted_at")),
            ambiguous_attempts, resends, provider_id, last_error, server
        FROM {sends} WHERE conversation = $1 ORDER BY turn, part
        """
    }

    private static func send(_ row: AdminRow) -> ArchivedConversation.Send {
        ArchivedConversation.Send(
            turn: row.text(0) ?? "", part: row.int(1) ?? 0, reply_address: row.text(2) ?? "", text: row.text(3) ?? "",
            trace_id: row.text(4) ?? "", state: row.text(5) ?? "", attempts: row.int(6) ?? 0,
            attempted_at: row.time(7).map(WrittenTime.init), ambiguous_attempts: row.int(8) ?? 0, resends: row.int(9) ?? 0,
            provider_id: row.text(10), last_error: row.text(11), server: row.text(12))
    }

    private static func timers(_ dialect: AdminDialect) -> String {
        """
        SELECT \(Self.assistant(dialect)), t.rule, t.outcome, \(dialect.milliseconds("t.due_at")),
            \(dialect.milliseconds("t.at"))
        FROM {timers_audit} t WHERE t.conversation = $1 ORDER BY t.at, t.due_at, t.rule
        """
    }
}

extension AdminRow {
    /// Of a column in milliseconds that is never NULL.
    fileprivate func written(_ column: Int) -> WrittenTime {
        WrittenTime(self.time(column) ?? Timestamp(milliseconds: 0))
    }
}
