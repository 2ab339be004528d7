import CardumeActors
import CardumeCore
import CardumeRuntime
import GRDB

/// The baseline: the engine's inserts and deletes, written the way one would without a runtime.
enum PlainLoop {
    struct Result: Sendable {
        var append: Duration
        var drain: Duration
    }

    static func run(_ workload: Workload, folder: String, progress: ProgressBar) throws -> Result {
        // Opening the store makes the tables.
        let store = try SQLiteStore(settings: SQLiteStore.Settings(folder: folder))
        store.close()
        let pool = try SQLiteStore.openPool(path: folder + "/" + SQLiteStore.fileName)
        defer { try? pool.close() }
        let clock = ContinuousClock()
        let wall = SystemClock()
        let append = try clock.measure {
            for batch in workload.batches {
                try pool.write { db in
                    for index in batch { try Self.append(workload.message(index, at: wall.wallTime), index, db) }
                }
                progress.show("plain append", batch.upperBound, of: workload.messages)
            }
        }
        let drain = try clock.measure {
            for batch in workload.batches {
                try pool.write { db in
                    for index in batch { try Self.finish(workload.message(index, at: wall.wallTime), index, db) }
                }
                progress.show("plain drain", batch.upperBound, of: workload.messages)
            }
        }
        return Result(append: append, drain: drain)
    }

    private static func append(_ message: InboundMessage, _ index: Int, _ db: Database) throws {
        let lane = message.conversation.partitionNumber(of: 64)
        let at = message.receivedAt.milliseconds
        let seen = try db.cachedStatement(sql: "INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)")
        seen.setUncheckedArguments([index + 1, message.conversation.rawValue, message.id.rawValue, at])
        try seen.execute()
        let holder = try db.cachedStatement(sql: "INSERT OR REPLACE INTO holders VALUES (?, ?, ?, ?)")
        holder.setUncheckedArguments([message.conversation.rawValue, 1, true, at])
        try holder.execute()
        let queue = try db.cachedStatement(sql: "INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        queue.setUncheckedArguments([
            index + 1, lane, message.conversation.rawValue, message.id.rawValue, message.kind.rawValue, message.text,
            message.sentAt, at, message.contactName, message.replyAddress, message.traceID, nil,
        ])
        try queue.execute()
    }

    private static func finish(_ message: InboundMessage, _ index: Int, _ db: Database) throws {
        let at = message.receivedAt.milliseconds
        let turn = try db.cachedStatement(sql: "INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)")
        turn.setUncheckedArguments([message.conversation.rawValue, message.id.rawValue, 1, 1, at, at, nil, nil, nil, nil])
        try turn.execute()
        let line = try db.cachedStatement(
            sql: "INSERT INTO messages (conversation, role, message_id, kind, text, sent_at, at) VALUES (?, ?, ?, ?, ?, ?, ?)")
        line.setUncheckedArguments([
            message.conversation.rawValue, "contact", message.id.rawValue, message.kind.rawValue, message.text,
            message.sentAt, at,
        ])
        try line.execute()
        let settle = try db.cachedStatement(sql: "DELETE FROM queue WHERE lane = ? AND id = ?")
        settle.setUncheckedArguments([message.conversation.partitionNumber(of: 64), index + 1])
        try settle.execute()
    }
}
