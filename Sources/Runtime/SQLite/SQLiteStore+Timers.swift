public import CardumeCore
import FoundationEssentials
import GRDB

/// The part of the log that waits for the clock.
extension SQLiteStore {
    public func set(_ timers: [ConversationTimer], _ fence: Fence) async throws(StoreError) {
        try await self.committer.write { db in
            try self.checkFence(fence)
            let lane = try self.lane(of: fence.partition, db)
            let statement = try db.cachedStatement(sql: "INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?)")
            for timer in timers {
                let json = String(decoding: try JSONEncoder().encode(timer), as: UTF8.self)
                statement.setUncheckedArguments([lane, timer.conversation.rawValue, timer.firing.dueAt.milliseconds, json])
                try statement.execute()
            }
        }
    }

    public func fire(dueBy now: Timestamp, _ fence: Fence) async throws(StoreError) -> Timestamp? {
        let next = try await self.committer.write { db in
            try self.checkFence(fence)
            let lane = try self.lane(of: fence.partition, db)
            let due = try String.fetchAll(
                db, sql: "SELECT timer FROM timers WHERE lane = ? AND due_at <= ? ORDER BY due_at LIMIT ?",
                arguments: [lane, now.milliseconds, LogOpening.firingLimit])
            for json in due {
                let timer = try JSONDecoder().decode(ConversationTimer.self, from: Data(json.utf8))
                try db.execute(
                    sql: "DELETE FROM timers WHERE lane = ? AND conversation = ?",
                    arguments: [lane, timer.conversation.rawValue])
                guard try self.isCurrent(timer, fence.partition.queue, db) else { continue }
                // A closed conversation has no holder: until this is settled, nobody else may answer.
                try db.execute(
                    sql: "INSERT INTO holders VALUES (?, ?, FALSE, ?) ON CONFLICT DO NOTHING",
                    arguments: [timer.conversation.rawValue, lane >> 16, timer.firing.contactWroteAt.milliseconds])
                try Self.insert(timer.message(at: now), self.takeOffset(), lane: lane, showsMenu: false, db)
            }
            return try Self.nextTimer(lane, db)
        }
        self.bell.ring(fence.partition)
        return next
    }

    public func end(_ sessions: [SessionEnd], _ fence: Fence) async throws(StoreError) {
        try await self.committer.write { db in
            try self.checkFence(fence)
            let assistant = try self.rowID(of: fence.partition.queue, db)
            for session in sessions {
                try db.execute(
                    sql: "DELETE FROM holders WHERE conversation = ? AND assistant = ? AND latest_at <= ?",
                    arguments: [session.conversation.rawValue, assistant, session.contactWroteAt.milliseconds])
            }
        }
    }

    func nextTimer(of partition: Partition.ID) async throws(StoreError) -> Timestamp? {
        guard let lane = self.lane(partition) else { return nil }
        return try await self.reading { db in try Self.nextTimer(lane, db) }
    }

    private static func nextTimer(_ lane: Int64, _ db: Database) throws -> Timestamp? {
        try Int64.fetchOne(db, sql: "SELECT min(due_at) FROM timers WHERE lane = ?", arguments: [lane])
            .map { Timestamp(milliseconds: $0) }
    }

    /// Whether nobody has written since the timer was set, nor taken the conversation over.
    private func isCurrent(_ timer: ConversationTimer, _ assistant: QueueID, _ db: Database) throws -> Bool {
        guard let holder = try self.holder(of: timer.conversation, db) else { return true }
        return holder.route.queue == assistant && holder.latestMessageAt <= timer.firing.contactWroteAt
    }

    func lane(of partition: Partition.ID, _ db: Database) throws -> Int64 {
        Self.lane(try self.rowID(of: partition.queue, db), partition.number)
    }
}
