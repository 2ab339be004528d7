public import CardumeCore
import FoundationEssentials
import GRDB

extension SQLiteStore: PartitionLog {
    public func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
        let outcomes = try await self.committer.write { db in
            try messages.map { try self.append($0, db) }
        }
        for case .appended(let partition, _) in outcomes { self.bell.ring(partition) }
        return outcomes
    }

    public func announce(
        _ notice: LogNotice, of conversation: Conversation.ID, to queues: [QueueID]
    ) async throws(StoreError) {
        let number = conversation.partitionNumber(of: self.partitionCount)
        let notice = InboundMessage(notice, of: conversation)
        try await self.committer.write { db in
            for queue in queues {
                let lane = Self.lane(try self.rowID(of: queue, db), number)
                try Self.insert(notice, self.takeOffset(), lane: lane, showsMenu: false, db)
            }
        }
        for queue in queues { self.bell.ring(Partition.ID(queue, number: number)) }
    }

    public func open(_ fence: Fence) async throws(StoreError) -> LogOpening {
        LogOpening(
            latest: self.state.withLock { LogOffset(major: $0.nextOffset - 1) },
            nextTimer: try await self.nextTimer(of: fence.partition), drains: try await self.drains(of: fence.partition))
    }

    public func next(
        _ partition: Partition.ID, after offset: LogOffset, limit: Int
    ) async throws(StoreError) -> [LogEntry] {
        try await self.bell.entries(of: partition) { () throws(StoreError) in
            guard let lane = self.lane(partition) else { return [] }
            return try await self.reading { db in
                let statement = try db.cachedStatement(
                    sql: "SELECT * FROM queue WHERE lane = ? AND id > ? ORDER BY id LIMIT ?")
                statement.setUncheckedArguments([lane, Int64(offset.major), limit])
                return try Array(Row.fetchCursor(statement).map { try Self.entry($0) })
            }
        }
    }

    public func read(
        _ partition: Partition.ID, at offsets: [LogOffset]
    ) async throws(StoreError) -> [LogEntry] {
        guard let lane = self.lane(partition) else { return [] }
        return try await self.reading { db in
            let statement = try db.cachedStatement(sql: "SELECT * FROM queue WHERE lane = ? AND id = ?")
            return try offsets.compactMap { offset in
                statement.setUncheckedArguments([lane, Int64(offset.major)])
                return try Row.fetchOne(statement).map { try Self.entry($0) }
            }
        }
    }

    public func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError) {
        guard let lane = self.lane(fence.partition) else { return }
        try await self.committer.write { db in
            try self.checkFence(fence)
            let statement = try db.cachedStatement(sql: "DELETE FROM queue WHERE lane = ? AND id = ?")
            for offset in offsets {
                statement.setUncheckedArguments([lane, Int64(offset.major)])
                try statement.execute()
            }
        }
    }

    public func depth(of partition: Partition.ID) async throws(StoreError) -> Int {
        guard let lane = self.lane(partition) else { return 0 }
        return try await self.reading { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM queue WHERE lane = ?", arguments: [lane]) ?? 0
        }
    }

    /// Walks over all that is queued: a millisecond for some thousand messages.
    public func depths() async throws(StoreError) -> [QueueID: Int] {
        let counts = try await self.reading { db in
            try Row.fetchAll(db, sql: "SELECT lane >> 16, count(*) FROM queue GROUP BY 1")
                .map { ($0[0] as Int64, $0[1] as Int) }
        }
        let queues = self.state.withLock { Dictionary($0.queues.map { ($0.value, $0.key) }) { first, _ in first } }
        return Dictionary(counts.compactMap { id, count in queues[id].map { ($0, count) } }) { $0 + $1 }
    }

    public func peek(_ cursors: [Partition.ID: LogOffset]) async throws(StoreError) -> [Partition.ID: Timestamp] {
        let lanes = cursors.compactMap { partition, offset in
            self.lane(partition).map { (partition, $0, Int64(offset.major)) }
        }
        return try await self.reading { db in
            let statement = try db.cachedStatement(
                sql: "SELECT received_at FROM queue WHERE lane = ? AND id > ? ORDER BY id LIMIT 1")
            var times: [Partition.ID: Timestamp] = [:]
            for (partition, lane, id) in lanes {
                statement.setUncheckedArguments([lane, id])
                times[partition] = try Int64.fetchOne(statement).map { Timestamp(milliseconds: $0) }
            }
            return times
        }
    }

    public func check() async throws(StoreError) -> Int {
        try await self.reading { db in try db.execute(sql: "SELECT 1") }
        return 0
    }

    func checkFence(_ fence: Fence) throws {
        guard fence.epoch == self.ownership.epoch else {
            throw StoreError(
                .fenced, "epoch \(fence.epoch.rawValue) is stale, the owner's is \(self.ownership.epoch.rawValue)")
        }
    }

    func takeOffset() -> UInt64 {
        self.state.withLock { state in
            defer { state.nextOffset += 1 }
            return state.nextOffset
        }
    }

    // MARK: Appending

    private func append(_ append: LogAppend, _ db: Database) throws -> AppendOutcome {
        let message = append.message
        let now = message.receivedAt
        let offset = self.takeOffset()
        guard try self.isNew(message, offset, db), try message.replay != nil || !Self.isFinished(message, db) else {
            return .duplicate
        }
        let route = try append.route.resolved(
            heldBy: self.holder(of: message.conversation, db), at: now, session: self.settings.session,
            hasUnsettled: { try self.hasUnsettled(message.conversation, db) })
        let queue = try self.rowID(of: route.queue, db)
        let partition = Partition.ID(
            route.queue, number: message.conversation.partitionNumber(of: self.partitionCount))
        try self.remember(route, queue, message, db)
        try Self.insert(message, offset, lane: Self.lane(queue, partition.number), showsMenu: !route.isChosen, db)
        return .appended(partition, LogOffset(major: offset))
    }

    /// Remembers the message's id. An id older than the window counts as new again.
    private func isNew(_ message: InboundMessage, _ offset: UInt64, _ db: Database) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO seen VALUES (?, ?, ?, ?)
                ON CONFLICT (conversation, message_id) DO UPDATE SET id = excluded.id, at = excluded.at WHERE at < ?
                """)
        statement.setUncheckedArguments([
            Int64(offset), message.conversation.rawValue, Self.seenName(message), message.receivedAt.milliseconds,
            message.receivedAt.milliseconds - self.settings.dedupeWindow.milliseconds,
        ])
        try statement.execute()
        return db.changesCount == 1
    }

    /// A dead letter's return has a name of its own, with a character that no gateway's ids have.
    private static func seenName(_ message: InboundMessage) -> String {
        message.replay.map { "\u{1F}replay \($0.number)\u{1F}\(message.id)" } ?? message.id.rawValue
    }

    /// Whether the message was answered or given up before, however long ago: running it again would end in nothing.
    private static func isFinished(_ message: InboundMessage, _ db: Database) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT EXISTS (SELECT 1 FROM turns WHERE conversation = ?1 AND turn = ?2)
                OR EXISTS (SELECT 1 FROM dead_letters WHERE conversation = ?1 AND message_id = ?2)
                """)
        return try Bool.fetchOne(statement, arguments: [message.conversation.rawValue, message.id.rawValue]) ?? false
    }

    func holder(of conversation: Conversation.ID, _ db: Database) throws -> ConversationHolder? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT name, is_chosen, latest_at FROM holders JOIN assistants ON assistants.id = assistant
                WHERE conversation = ?
                """)
        guard let row = try Row.fetchOne(statement, arguments: [conversation.rawValue]) else { return nil }
        let queue = QueueID(row[0] as String)
        guard self.settings.queues?.contains(queue) ?? true else { return nil }
        return ConversationHolder(
            route: Route(queue, isChosen: row[1]), latestMessageAt: Timestamp(milliseconds: row[2]))
    }

    public func whereabouts(of conversation: Conversation.ID) async throws(StoreError) -> ConversationWhereabouts? {
        try await self.reading { db in
            guard let queue = try self.holder(of: conversation, db)?.route.queue else { return nil }
            return ConversationWhereabouts(queue: queue, hasUnsettled: try self.hasUnsettled(conversation, db))
        }
    }

    func hasUnsettled(_ conversation: Conversation.ID, _ db: Database) throws -> Bool {
        let number = conversation.partitionNumber(of: self.partitionCount)
        return try self.state.withLock { Array($0.queues.values) }.contains { queue in
            try Bool.fetchOne(
                db, sql: "SELECT 1 FROM queue WHERE lane = ? AND conversation = ? LIMIT 1",
                arguments: [Self.lane(queue, number), conversation.rawValue]) ?? false
        }
    }

    private func remember(_ route: Route, _ queue: Int64, _ message: InboundMessage, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO holders VALUES (?, ?, ?, ?) ON CONFLICT (conversation) DO UPDATE SET
                assistant = excluded.assistant, is_chosen = excluded.is_chosen, latest_at = excluded.latest_at
                """)
        statement.setUncheckedArguments([
            message.conversation.rawValue, queue, route.isChosen, message.receivedAt.milliseconds,
        ])
        try statement.execute()
    }

    static func insert(
        _ message: InboundMessage, _ offset: UInt64, lane: Int64, showsMenu: Bool, _ db: Database
    ) throws {
        var details = message.details
        details.showsMenu = showsMenu ? true : nil
        let statement = try db.cachedStatement(sql: "INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        statement.setUncheckedArguments([
            Int64(offset), lane, message.conversation.rawValue, message.id.rawValue, message.kind.rawValue,
            WholeText(message.text),
            message.sentAt, message.receivedAt.milliseconds, message.contactName, message.replyAddress, message.traceID,
            details == .none ? nil : String(decoding: try JSONEncoder().encode(details), as: UTF8.self),
        ])
        try statement.execute()
    }

    // MARK: Lanes

    static func lane(_ assistant: Int64, _ partition: Int) -> Int64 { assistant << 16 | Int64(partition) }

    /// `nil` when the queue never had a message.
    func lane(_ partition: Partition.ID) -> Int64? {
        self.state.withLock { $0.queues[partition.queue] }.map { Self.lane($0, partition.number) }
    }

    /// The row id of a queue, made on its first use.
    func rowID(of queue: QueueID, _ db: Database) throws -> Int64 {
        if let id = self.state.withLock({ $0.queues[queue] }) { return id }
        let existing = try Int64.fetchOne(
            db, sql: "SELECT id FROM assistants WHERE name = ?", arguments: [queue.rawValue])
        if let existing { return self.remember(queue, existing, db) }
        try db.execute(sql: "INSERT INTO assistants (name) VALUES (?)", arguments: [queue.rawValue])
        return self.remember(queue, db.lastInsertedRowID, db)
    }

    /// Keeps the row id in memory once its transaction is committed.
    private func remember(_ queue: QueueID, _ id: Int64, _ db: Database) -> Int64 {
        db.afterNextTransaction { _ in
            self.state.withLock { $0.queues[queue] = id }
        }
        return id
    }

    // MARK: Reading

    static func entry(_ row: Row) throws -> LogEntry {
        let details: InboundMessage.Details =
            try (row[11] as String?).map { try JSONDecoder().decode(InboundMessage.Details.self, from: Data($0.utf8)) }
            ?? .none
        return LogEntry(
            offset: LogOffset(major: UInt64(row[0] as Int64)),
            message: InboundMessage(
                id: MessageID(row[3] as String), conversation: Conversation.ID(row[2] as String),
                kind: MessageKind(rawValue: row[4]) ?? .unknown, text: (row[5] as WholeText?)?.text, sentAt: row[6],
                receivedAt: Timestamp(milliseconds: row[7]), contactName: row[8], replyAddress: row[9], traceID: row[10],
                details: details))
    }
}
