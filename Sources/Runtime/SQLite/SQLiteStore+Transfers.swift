public import CardumeCore
import FoundationEssentials
import GRDB

/// Conversations that go from one assistant's lane to another's.
extension SQLiteStore {
    public func transfer(_ transfer: LogTransfer) async throws(StoreError) -> TransferOutcome {
        let number = transfer.conversation.partitionNumber(of: self.partitionCount)
        let (outcome, old) = try await self.committer.write { db in
            if let fence = transfer.turn?.fence { try self.checkFence(fence) }
            let holder = try self.holder(of: transfer.conversation, db)
            let old = transfer.turn?.fence.partition.queue ?? holder?.route.queue
            return (try self.transfer(transfer, from: old, holder, db), old)
        }
        for queue in [old, transfer.queue].compactMap(\.self) {
            self.bell.ring(Partition.ID(queue, number: number))
        }
        return outcome
    }

    public func move(
        _ offsets: [LogOffset], along drain: LogDrain, _ fence: Fence
    ) async throws(StoreError) {
        let target = Partition.ID(drain.queue, number: fence.partition.number)
        try await self.committer.write { db in
            try self.checkFence(fence)
            let (old, new) = (try self.lane(of: fence.partition, db), try self.lane(of: target, db))
            for offset in offsets {
                let row = try Row.fetchOne(
                    db, sql: "SELECT * FROM queue WHERE lane = ? AND id = ?", arguments: [old, Int64(offset.major)])
                guard let message = try row.map({ try Self.entry($0) })?.message.moved(along: drain) else { continue }
                try Self.insert(message, self.takeOffset(), lane: new, showsMenu: message.details.showsMenu ?? false, db)
                try Self.remove(offset, lane: old, db)
            }
        }
        self.bell.ring(target)
    }

    func drains(of partition: Partition.ID) async throws(StoreError) -> [LogEntry] {
        guard let lane = self.lane(partition) else { return [] }
        return try await self.reading { db in
            try Row.fetchAll(db, sql: "SELECT * FROM queue WHERE lane = ? AND kind = 'system' ORDER BY id", arguments: [lane])
                .map { try Self.entry($0) }.filter(\.isDrain)
        }
    }

    private func transfer(
        _ transfer: LogTransfer, from old: QueueID?, _ holder: ConversationHolder?, _ db: Database
    ) throws -> TransferOutcome {
        let number = transfer.conversation.partitionNumber(of: self.partitionCount)
        func lane(_ queue: QueueID) throws -> Int64 {
            try self.lane(of: Partition.ID(queue, number: number), db)
        }
        if let turn = transfer.turn {
            let offset = turn.entry.offset
            let isThere = try Bool.fetchOne(
                db, sql: "SELECT 1 FROM queue WHERE lane = ? AND id = ?",
                arguments: [lane(turn.fence.partition.queue), Int64(offset.major)])
            let first = try Self.firstDrain(of: transfer.conversation, lane: lane(turn.fence.partition.queue), db)
            guard first != nil || isThere ?? false else { return .unchanged }
            if turn.isAnswered || first == nil { try Self.remove(offset, lane: lane(turn.fence.partition.queue), db) }
            if let (drain, offset) = first { return .overtaken(drain, at: offset) }
        }
        if old == transfer.queue { return .unchanged }
        let new = try lane(transfer.queue)
        try db.execute(
            sql: "INSERT OR REPLACE INTO holders VALUES (?, ?, TRUE, ?)",
            arguments: [
                transfer.conversation.rawValue, new >> 16, (holder?.latestMessageAt ?? transfer.at).milliseconds,
            ])
        guard let old else { return .assigned }
        let drain = LogDrain(to: transfer.queue, hold: try self.append(.hold, transfer, lane: new, db))
        let offset = try self.append(.drain(drain), transfer, lane: lane(old), db)
        if let turn = transfer.turn, !turn.isAnswered {
            try Self.insert(
                turn.entry.message.transferred(from: turn.fence.partition.queue, along: drain), self.takeOffset(), lane: new,
                showsMenu: false, db)
        }
        return .draining(drain, at: offset)
    }

    /// Those before the message at the head of a conversation have been moved over: the first is behind it.
    private static func firstDrain(
        of conversation: Conversation.ID, lane: Int64, _ db: Database
    ) throws -> (LogDrain, at: LogOffset)? {
        let rows = try Row.fetchCursor(
            db, sql: "SELECT * FROM queue WHERE lane = ? AND conversation = ? AND kind = 'system' ORDER BY id",
            arguments: [lane, conversation.rawValue])
        while let row = try rows.next() {
            let entry = try Self.entry(row)
            if case .drain(let drain) = entry.message.notice { return (drain, entry.offset) }
        }
        return nil
    }

    private func append(_ notice: LogNotice, _ transfer: LogTransfer, lane: Int64, _ db: Database) throws -> LogOffset {
        let message = InboundMessage(
            id: MessageID(notice.rawValue), conversation: transfer.conversation, kind: .system, text: nil,
            receivedAt: transfer.at, replyAddress: "", traceID: "", details: InboundMessage.Details(notice: notice))
        let offset = self.takeOffset()
        try Self.insert(message, offset, lane: lane, showsMenu: false, db)
        return LogOffset(major: offset)
    }

    private static func remove(_ offset: LogOffset, lane: Int64, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM queue WHERE lane = ? AND id = ?", arguments: [lane, Int64(offset.major)])
    }
}
