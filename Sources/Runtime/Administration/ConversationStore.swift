package import CardumeCore

/// Conversations as the journal has them, for operators, in either database.
package struct ConversationStore: Sendable {
    let database: any AdminDatabase

    package init(_ database: any AdminDatabase) { self.database = database }

    /// - Parameter limit: of lines, of turns and of sends.
    package func record(
        of conversation: Conversation.ID, limit: Int
    ) async throws(StoreError) -> ConversationRecord {
        let dialect = self.database.dialect
        let parameters: [AdminValue] = [.text(conversation.rawValue), .int(Int64(limit))]
        return try await self.database.query { query in
            var record = ConversationRecord()
            record.lines = try query(
                """
                SELECT role, message_id, kind, text, \(dialect.milliseconds("at")) FROM {messages} WHERE conversation = $1
                ORDER BY id DESC LIMIT $2
                """, parameters
            ).map { row in
                ConversationRecord.Line(
                    row.text(0).flatMap(ContextMessage.Role.init) ?? .contact, row.text(1).map { MessageID($0) },
                    kind: row.text(2), text: row.text(3) ?? "", at: row.time(4) ?? Timestamp(milliseconds: 0))
            }
            record.turns = try query(Self.turns(dialect), parameters).map(Self.turn)
            record.sends = try query(
                """
                SELECT s.part, s.turn, s.state, s.text, s.attempts, \(dialect.milliseconds("s.attempted_at")), s.server,
                    s.provider_id, s.last_error
                FROM {sends} s JOIN {turns} t ON t.conversation = s.conversation AND t.turn = s.turn
                WHERE s.conversation = $1 ORDER BY t.finished_at DESC, s.turn, s.part DESC LIMIT $2
                """, parameters
            ).map(Self.send)
            record.isHeld = try !query("SELECT conversation FROM {holds} WHERE conversation = $1", [parameters[0]]).isEmpty
            return record
        }
    }

    /// Makes the journal hold a conversation. Its owner hears of it in other ways.
    package func hold(_ conversation: Conversation.ID) async throws(StoreError) {
        try await self.database.transaction { query in
            _ = try query(
                "INSERT INTO {holds} (conversation) VALUES ($1) ON CONFLICT DO NOTHING", [.text(conversation.rawValue)])
        }
    }

    /// Why a conversation that is held is held. Who sets and lifts holds is in the audit log, which is read from its end until it
    /// says something of this one: for what people ask.
    package func holdCause(of conversation: Conversation.ID) async throws(StoreError) -> HoldCause {
        try await self.database.query { query in
            // A line without a status is being done, or its process ended meanwhile; the hold is there.
            let latest = try query(
                """
                SELECT action, who, at, detail FROM {admin_audit} WHERE
                action = 'conversations.hold' AND target = $1 AND (status = 200 OR status IS NULL)
                OR action = 'conversations.release' AND target = $2 AND status = 200 ORDER BY id DESC LIMIT 1
                """,
                [
                    .text(AuditEntry.target("conversations", conversation.rawValue, "hold")),
                    .text(AuditEntry.target("conversations", conversation.rawValue, "release")),
                ]
            ).first
            if let latest, latest.text(0) == "conversations.hold" {
                return .person(
                    ConversationHold(
                        by: latest.text(1) ?? "", since: latest.time(2) ?? Timestamp(milliseconds: 0),
                        reason: AuditNote.reason(in: latest.text(3))))
            }
            let letters = try query(
                "SELECT id FROM {dead_letters} WHERE conversation = $1 AND replayed_at IS NULL LIMIT 1",
                [.text(conversation.rawValue)])
            return letters.isEmpty ? .unknown : .deadLetter
        }
    }

    /// Conversations that are held, in their order.
    package func held(after: String?, limit: Int) async throws(StoreError) -> [Conversation.ID] {
        let dialect = self.database.dialect
        return try await self.database.query { query in
            try query(
                """
                SELECT conversation FROM {holds} WHERE \(dialect.typed("$1", as: "text")) IS NULL OR conversation > $1
                ORDER BY conversation LIMIT $2
                """, [.optional(after), .int(Int64(limit))]
            ).compactMap { $0.text(0).map { Conversation.ID($0) } }
        }
    }

    // MARK: Rows

    /// Assistants have numbers in one database, and names in the other.
    private static func turns(_ dialect: AdminDialect) -> String {
        let assistant = dialect == .sqlite ? "(SELECT name FROM assistants a WHERE a.id = t.assistant)" : "t.assistant"
        return """
            SELECT t.turn, \(assistant), t.attempt, \(dialect.milliseconds("t.started_at")),
                \(dialect.milliseconds("t.finished_at")), t.model, t.prompt_tokens, t.completion_tokens, t.transfer_to,
                t.merged_into
            FROM {turns} t WHERE t.conversation = $1 ORDER BY t.finished_at DESC, t.turn LIMIT $2
            """
    }

    private static func turn(_ row: AdminRow) -> ConversationRecord.Turn {
        var turn = ConversationRecord.Turn(
            MessageID(row.text(0) ?? ""), of: QueueID(row.text(1) ?? "").assistant, attempt: row.count(2),
            from: row.time(3) ?? Timestamp(milliseconds: 0), to: row.time(4) ?? Timestamp(milliseconds: 0))
        turn.model = row.text(5)
        turn.promptTokens = row.int(6).map(Int.init)
        turn.completionTokens = row.int(7).map(Int.init)
        turn.transfer = row.text(8).map { AssistantID($0) }
        turn.mergedInto = row.text(9).map { MessageID($0) }
        return turn
    }

    private static func send(_ row: AdminRow) -> ConversationRecord.Send {
        var send = ConversationRecord.Send(
            row.count(0), of: MessageID(row.text(1) ?? ""), state: row.text(2) ?? "", text: row.text(3) ?? "",
            attempts: row.count(4))
        send.attemptedAt = row.time(5)
        send.server = row.text(6)
        send.providerID = row.text(7)
        send.error = row.text(8)
        return send
    }
}
