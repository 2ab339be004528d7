import CardumeCore

/// What of an archived conversation the database lacks, inside a transaction.
struct ArchiveRestore {
    private let archived: ArchivedConversation
    private let dialect: AdminDialect
    private let lines: [ArchivedConversation.Line]
    private let turns: [ArchivedConversation.Turn]
    private let sends: [ArchivedConversation.Send]
    private let timers: [ArchivedConversation.Timer]

    var missing: ArchiveCounts {
        ArchiveCounts(lines: self.lines.count, turns: self.turns.count, sends: self.sends.count, timers: self.timers.count)
    }

    init(_ archived: ArchivedConversation, _ dialect: AdminDialect, _ query: AdminQuery) throws {
        self.archived = archived
        self.dialect = dialect
        let id = [AdminValue.text(archived.conversation)]
        let lines = Set(try query("SELECT id FROM {messages} WHERE conversation = $1", id).map { $0.int(0) })
        self.lines = archived.lines.filter { !lines.contains($0.id) }
        let turns = Set(try query("SELECT turn FROM {turns} WHERE conversation = $1", id).map { $0.text(0) })
        self.turns = archived.turns.filter { !turns.contains($0.turn) }
        let sends = Set(
            try query("SELECT turn, part FROM {sends} WHERE conversation = $1", id).map {
                "\($0.int(1) ?? 0) \($0.text(0) ?? "")"
            })
        self.sends = archived.sends.filter { !sends.contains("\($0.part) \($0.turn)") }
        let timers = Set(
            try query(
                """
                SELECT rule, \(dialect.milliseconds("due_at")), \(dialect.milliseconds("at")) FROM {timers_audit}
                WHERE conversation = $1
                """, id
            ).map { "\($0.int(1) ?? 0) \($0.int(2) ?? 0) \($0.text(0) ?? "")" })
        self.timers = archived.timers.filter {
            !timers.contains("\($0.due_at.time.milliseconds) \($0.at.time.milliseconds) \($0.rule)")
        }
    }

    func insert(_ query: AdminQuery) throws {
        for line in self.lines { try self.insert(line, query) }
        for turn in self.turns { try self.insert(turn, query) }
        for send in self.sends { try self.insert(send, query) }
        for timer in self.timers { try self.insert(timer, query) }
        let id = AdminValue.text(self.archived.conversation)
        if let efforts = self.archived.efforts {
            _ = try query(
                "INSERT INTO {lane_histories} (conversation, efforts) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                [id, .text(efforts)])
        }
        if let time = self.archived.closed_at?.time {
            _ = try query(
                "INSERT INTO {closings} (conversation, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", [id, .time(time)])
        }
        if let line = self.archived.closed_after {
            _ = try query(
                "INSERT INTO {closings} (conversation, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", [id, .int(line)])
        }
        if let summary = self.archived.summary { try self.insert(summary, query) }
    }

    /// One that goes on keeps its end, and gets its beginning back.
    private func insert(_ summary: ArchivedConversation.Summary, _ query: AdminQuery) throws {
        _ = try query(
            """
            INSERT INTO {conversations} AS c (conversation, assistant, turns, first_at, latest_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (conversation) DO UPDATE SET first_at = least(c.first_at, excluded.first_at), turns = greatest(c.turns, (
                SELECT count(*) FROM {turns} t WHERE t.conversation = c.conversation AND t.merged_into IS NULL
            ))
            """,
            [
                .text(self.archived.conversation), .text(summary.assistant), .int(summary.turns), .time(summary.first_at.time),
                .time(self.archived.latest_at.time),
            ])
    }

    private func insert(_ line: ArchivedConversation.Line, _ query: AdminQuery) throws {
        _ = try query(
            """
            INSERT INTO {messages} (id, conversation, role, message_id, kind, text, sent_at, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                .int(line.id), .text(self.archived.conversation), .text(line.role), .optional(line.message_id),
                .optional(line.kind), .written(line.text), .optional(line.sent_at), .time(line.at.time),
            ])
    }

    private func insert(_ turn: ArchivedConversation.Turn, _ query: AdminQuery) throws {
        _ = try query(
            """
            INSERT INTO {turns} (conversation, turn, assistant, attempt, started_at, finished_at, model, prompt_tokens,
                completion_tokens, transfer_to, merged_into) VALUES ($1, $2, \(try self.assistant(turn.assistant, "$3", query)),
                $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            [
                .text(self.archived.conversation), .text(turn.turn), .text(turn.assistant), .int(turn.attempt),
                .time(turn.started_at.time), .time(turn.finished_at.time), .optional(turn.model),
                .optional(turn.prompt_tokens), .optional(turn.completion_tokens), .optional(turn.transfer_to),
                .optional(turn.merged_into),
            ])
    }

    private func insert(_ send: ArchivedConversation.Send, _ query: AdminQuery) throws {
        _ = try query(
            """
            INSERT INTO {sends} (conversation, turn, part, reply_address, text, trace_id, state, attempts, attempted_at,
                ambiguous_attempts, resends, provider_id, last_error, server)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,
            [
                .text(self.archived.conversation), .text(send.turn), .int(send.part), .text(send.reply_address),
                .written(send.text), .text(send.trace_id), .text(send.state), .int(send.attempts),
                send.attempted_at.map { .time($0.time) } ?? .null, .int(send.ambiguous_attempts), .int(send.resends),
                .optional(send.provider_id), .optional(send.last_error), .optional(send.server),
            ])
    }

    private func insert(_ timer: ArchivedConversation.Timer, _ query: AdminQuery) throws {
        _ = try query(
            """
            INSERT INTO {timers_audit} (conversation, assistant, rule, outcome, due_at, at)
            VALUES ($1, \(try self.assistant(timer.assistant, "$2", query)), $3, $4, $5, $6)
            """,
            [
                .text(self.archived.conversation), .text(timer.assistant), .text(timer.rule), .text(timer.outcome),
                .time(timer.due_at.time), .time(timer.at.time),
            ])
    }

    /// Assistants have numbers in one database, and names in the other.
    private func assistant(_ name: String, _ parameter: String, _ query: AdminQuery) throws -> String {
        guard self.dialect == .sqlite else { return parameter }
        _ = try query("INSERT INTO assistants (name) VALUES ($1) ON CONFLICT DO NOTHING", [.text(name)])
        return "(SELECT a.id FROM assistants a WHERE a.name = \(parameter))"
    }
}

extension AdminValue {
    fileprivate static func optional(_ integer: Int64?) -> AdminValue { integer.map(AdminValue.int) ?? .null }
}
