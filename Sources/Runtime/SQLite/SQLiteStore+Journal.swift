public import CardumeCore
import FoundationEssentials
import GRDB

extension SQLiteStore: Journal {
    public func commit(_ record: JournalRecord, _ fence: Fence) async throws(StoreError) -> CommitOutcome {
        try await self.committer.write { db in
            try self.checkFence(fence)
            switch record {
            case .turn(let turn): return try self.commit(turn, db)
            case .send(let intent): try Self.write(intent, db)
            case .deadLetter(let letter): try self.write(letter, db)
            case .crashMark(let conversation, let message): try self.mark(conversation, message, db)
            }
            return .committed
        }
    }

    public func standing(of entries: [LogEntry]) async throws(StoreError) -> [LogOffset: EntryStanding] {
        guard !entries.isEmpty else { return [:] }
        return try await self.reading { db in
            var standings: [LogOffset: EntryStanding] = [:]
            for entry in entries { standings[entry.offset] = try Self.standing(of: entry.message, db) }
            return standings
        }
    }

    public func load(
        _ conversation: Conversation.ID, contextMessages: Int
    ) async throws(StoreError) -> ConversationSnapshot {
        try await self.reading { db in
            let messages = try db.cachedStatement(
                sql: """
                    SELECT role, text FROM messages WHERE conversation = ?1
                    AND id > coalesce((SELECT message_id FROM closings WHERE conversation = ?1), 0)
                    ORDER BY id DESC LIMIT ?2
                    """)
            let context = try Row.fetchAll(messages, arguments: [conversation.rawValue, contextMessages]).map {
                ContextMessage(
                    role: ContextMessage.Role(rawValue: $0[0]) ?? .contact, text: ($0[1] as WholeText).text)
            }
            let hold = try db.cachedStatement(sql: "SELECT 1 FROM holds WHERE conversation = ?")
            let isHeld = try Bool.fetchOne(hold, arguments: [conversation.rawValue]) ?? false
            let history = try db.cachedStatement(sql: "SELECT efforts FROM lane_histories WHERE conversation = ?")
            let efforts = try String.fetchOne(history, arguments: [conversation.rawValue])
            return ConversationSnapshot(
                context: context.reversed(), isHeld: isHeld, efforts: efforts.map(LaneHistory.efforts) ?? [])
        }
    }

    public func beginning(of conversation: Conversation.ID) async throws(StoreError) -> Timestamp? {
        try await self.reading { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT at FROM messages WHERE conversation = ?1
                    AND id > coalesce((SELECT message_id FROM closings WHERE conversation = ?1), 0)
                    ORDER BY id LIMIT 1
                    """)
            return try Int64.fetchOne(statement, arguments: [conversation.rawValue]).map { Timestamp(milliseconds: $0) }
        }
    }

    public func providerIDs(of conversation: Conversation.ID) async throws(StoreError) -> Set<String> {
        try await self.reading { db in
            try String.fetchSet(
                db,
                sql: """
                    SELECT provider_id FROM sends WHERE conversation = ? AND provider_id IS NOT NULL
                    ORDER BY attempted_at DESC LIMIT 200
                    """, arguments: [conversation.rawValue])
        }
    }

    public func lift(holdOn conversation: Conversation.ID) async throws(StoreError) {
        try await self.committer.write { db in
            try db.execute(sql: "DELETE FROM holds WHERE conversation = ?", arguments: [conversation.rawValue])
        }
    }

    public func recordRejected(_ webhook: RejectedWebhook) async throws(StoreError) {
        try await self.committer.write { db in
            try db.execute(
                sql: "INSERT INTO rejected_webhooks (source, reason, body, at) VALUES (?, ?, ?, ?)",
                arguments: [
                    webhook.source, webhook.reason, Data(webhook.body.prefix(Self.rejectedBodyLimit)),
                    webhook.receivedAt.milliseconds,
                ])
            try db.execute(
                sql: "DELETE FROM rejected_webhooks WHERE id <= ?",
                arguments: [db.lastInsertedRowID - Self.rejectedWebhookLimit])
        }
    }

    /// Rejected webhooks kept, and bytes kept of each.
    private static let rejectedWebhookLimit: Int64 = 1_000
    private static let rejectedBodyLimit = 65_536

    // MARK: Turns

    private func commit(_ turn: TurnCommit, _ db: Database) throws -> CommitOutcome {
        let assistant = try self.rowID(of: QueueID(turn.assistant), db)
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO turns (conversation, turn, assistant, attempt, started_at, finished_at, model, prompt_tokens,
                completion_tokens, transfer_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """)
        statement.setUncheckedArguments([
            turn.conversation.rawValue, turn.turn.rawValue, assistant, turn.attempt, turn.startedAt.milliseconds,
            turn.finishedAt.milliseconds, turn.usage?.model, turn.usage?.prompt, turn.usage?.completion,
            turn.transfer?.rawValue,
        ])
        try statement.execute()
        guard db.changesCount == 1 else { return .duplicate }
        for message in turn.messages.dropFirst() { try Self.merge(message, into: turn, assistant, db) }
        let insert = try db.cachedStatement(
            sql: """
                INSERT INTO messages (conversation, role, message_id, kind, text, sent_at, at) VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        for message in turn.messages {
            try self.clearMark(message.conversation, message.id, db)
            guard message.kind != .system else { continue }
            insert.setUncheckedArguments([
                message.conversation.rawValue, ContextMessage.Role.contact.rawValue, message.id.rawValue,
                message.kind.rawValue, WholeText(message.contextText), message.sentAt, message.receivedAt.milliseconds,
            ])
            try insert.execute()
        }
        for intent in turn.intents {
            try Self.write(intent, db)
            guard intent.state != .dropped else { continue }
            insert.setUncheckedArguments([
                turn.conversation.rawValue, ContextMessage.Role.assistant.rawValue, nil, nil, WholeText(intent.text), nil,
                turn.finishedAt.milliseconds,
            ])
            try insert.execute()
        }
        if let efforts = turn.efforts {
            try db.execute(
                sql: "INSERT OR REPLACE INTO lane_histories VALUES (?, ?)",
                arguments: [turn.conversation.rawValue, LaneHistory.text(efforts)])
        }
        try Self.audit(turn, by: assistant, db)
        try Self.countUsage(of: turn, db)
        return .committed
    }

    private static func merge(
        _ message: InboundMessage, into turn: TurnCommit, _ assistant: Int64, _ db: Database
    ) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO turns (conversation, turn, assistant, attempt, started_at, finished_at, merged_into)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """)
        try statement.execute(arguments: [
            turn.conversation.rawValue, message.id.rawValue, assistant, turn.attempt, turn.startedAt.milliseconds,
            turn.finishedAt.milliseconds, turn.turn.rawValue,
        ])
    }

    private static func audit(_ turn: TurnCommit, by assistant: Int64, _ db: Database) throws {
        if turn.closesConversation {
            try db.execute(
                sql: "INSERT OR REPLACE INTO closings SELECT ?, coalesce(max(id), 0) FROM messages",
                arguments: [turn.conversation.rawValue])
        }
        guard let firing = turn.timer else { return }
        try db.execute(
            sql: "INSERT INTO timers_audit (conversation, assistant, rule, outcome, due_at, at) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                turn.conversation.rawValue, assistant, firing.rule, turn.timerOutcome.rawValue, firing.dueAt.milliseconds,
                turn.finishedAt.milliseconds,
            ])
    }

    private static func write(_ intent: SendIntent, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                state = excluded.state, attempts = excluded.attempts, attempted_at = excluded.attempted_at,
                ambiguous_attempts = excluded.ambiguous_attempts, resends = excluded.resends,
                provider_id = excluded.provider_id, last_error = excluded.last_error, server = excluded.server
                """)
        statement.setUncheckedArguments([
            intent.id.conversation.rawValue, intent.id.turn.rawValue, intent.id.part, intent.replyAddress,
            WholeText(intent.text), intent.traceID, intent.state.rawValue, intent.attempts, intent.attemptedAt?.milliseconds,
            intent.ambiguousAttempts, intent.resends, intent.providerID, intent.lastError, intent.server,
        ])
        try statement.execute()
    }

    // MARK: Dead letters and holds

    private func write(_ letter: DeadLetter, _ db: Database) throws {
        let message = letter.message
        try db.execute(
            sql: """
                INSERT INTO dead_letters (conversation, message_id, assistant, category, error, attempts, at, message)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conversation, message_id) DO UPDATE SET
                assistant = excluded.assistant, category = excluded.category, error = excluded.error,
                attempts = attempts + excluded.attempts, at = excluded.at, fingerprint = NULL, replayed_at = NULL
                WHERE replayed_at IS NOT NULL
                """,
            arguments: [
                message.conversation.rawValue, message.id.rawValue, letter.assistant.rawValue,
                letter.failure.category.rawValue, letter.failure.message, letter.attempts, letter.at.milliseconds,
                String(decoding: try JSONEncoder().encode(message), as: UTF8.self),
            ])
        if letter.holdsConversation {
            try db.execute(
                sql: "INSERT INTO holds VALUES (?) ON CONFLICT DO NOTHING", arguments: [message.conversation.rawValue])
        }
        try self.clearMark(message.conversation, message.id, db)
    }

    // MARK: Crash marks

    private func mark(_ conversation: Conversation.ID, _ message: MessageID, _ db: Database) throws {
        self.state.withLock { $0.mayHaveCrashMarks = true }
        try db.execute(
            sql: "INSERT INTO crash_marks VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET marks = marks + 1",
            arguments: [conversation.rawValue, message.rawValue])
    }

    private func clearMark(_ conversation: Conversation.ID, _ message: MessageID, _ db: Database) throws {
        guard self.state.withLock({ $0.mayHaveCrashMarks }) else { return }
        let statement = try db.cachedStatement(sql: "DELETE FROM crash_marks WHERE conversation = ? AND message_id = ?")
        try statement.execute(arguments: [conversation.rawValue, message.rawValue])
    }

    // MARK: Taking over

    private static func standing(of message: InboundMessage, _ db: Database) throws -> EntryStanding? {
        let key: StatementArguments = [message.conversation.rawValue, message.id.rawValue]
        let known = try db.cachedStatement(
            sql: """
                SELECT EXISTS (
                    SELECT 1 FROM dead_letters WHERE conversation = ?1 AND message_id = ?2 AND replayed_at IS NULL
                ),
                EXISTS (SELECT 1 FROM turns WHERE conversation = ?1 AND turn = ?2),
                (SELECT marks FROM crash_marks WHERE conversation = ?1 AND message_id = ?2),
                (SELECT transfer_to FROM turns WHERE conversation = ?1 AND turn = ?2),
                (SELECT merged_into FROM turns WHERE conversation = ?1 AND turn = ?2)
                """)
        guard let row = try Row.fetchOne(known, arguments: key) else { return nil }
        if row[0] as Bool { return .deadLetter }
        if let turn = row[4] as String? { return .merged(into: Turn.ID(turn)) }
        if row[1] as Bool {
            let sends = try db.cachedStatement(
                sql: "SELECT * FROM sends WHERE conversation = ? AND turn = ? ORDER BY part")
            return .committed(
                try Row.fetchAll(sends, arguments: key).map(Self.intent),
                transfer: (row[3] as String?).map { AssistantID($0) })
        }
        return (row[2] as Int?).map(EntryStanding.marked)
    }

    private static func intent(_ row: Row) -> SendIntent {
        SendIntent(
            id: SendIntent.ID(
                conversation: Conversation.ID(row["conversation"] as String), turn: Turn.ID(row["turn"] as String),
                part: row["part"]),
            replyAddress: row["reply_address"], text: (row["text"] as WholeText).text, traceID: row["trace_id"],
            state: SendIntent.State(rawValue: row["state"]) ?? .unknown, attempts: row["attempts"],
            attemptedAt: (row["attempted_at"] as Int64?).map { Timestamp(milliseconds: $0) },
            ambiguousAttempts: row["ambiguous_attempts"], resends: row["resends"], server: row["server"],
            providerID: row["provider_id"], lastError: row["last_error"])
    }
}
