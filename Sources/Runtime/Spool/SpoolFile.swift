import CardumeCore
import FoundationEssentials
import GRDB
import Synchronization

/// Messages on disk, in the order of their numbers. One SQLite file in a folder that no other process may use at the time.
///
/// What a call has stored is on disk when it returns (`synchronous = FULL`); the calls of concurrent callers share one `fsync`.
final class SpoolFile: Sendable {
    static let fileName = "spool.sqlite"
    /// `CSPL`: marks a file as ours.
    private static let applicationID: Int32 = 0x4353_504C

    struct Contents: Sendable {
        var messages: Int
        var bytes: Int
        var lastNumber: Int64
    }

    /// A message as it is stored.
    struct Row: Sendable {
        let number: Int64
        let append: LogAppend
        let size: Int
    }

    /// What is stored and is no message.
    struct Damage: Sendable {
        let number: Int64
        let size: Int
        let reason: String
    }

    /// Some of the rows, in order.
    struct Page: Sendable {
        var rows: [Row] = []
        var damage: [Damage] = []
        /// The number of the last one.
        var last: Int64?

        var count: Int { self.rows.count + self.damage.count }
    }

    private let pool: DatabasePool
    private let committer: GroupCommitter
    private let lock: Mutex<FolderLock?>
    let path: String

    /// Creates folder and file when they are missing.
    init(folder: String) throws(StoreError) {
        let lock = try FolderLock(folder: folder)
        let path = "\(folder)/\(Self.fileName)"
        do {
            let pool = try SQLiteStore.openPool(path: path)
            try pool.write { db in
                let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
                let applicationID = try Int32.fetchOne(db, sql: "PRAGMA application_id")
                guard isEmpty || applicationID == Self.applicationID else {
                    throw StoreError(.corrupt, "\(path) is a database of another program")
                }
                try db.execute(sql: "PRAGMA application_id = \(Self.applicationID)")
                try db.execute(
                    sql: """
                        CREATE TABLE IF NOT EXISTS messages (
                            number INTEGER PRIMARY KEY, assistant TEXT NOT NULL, is_chosen INTEGER NOT NULL, message BLOB NOT NULL);
                        -- What was found to be no message, for people to look at.
                        CREATE TABLE IF NOT EXISTS rejected (
                            id INTEGER PRIMARY KEY, assistant TEXT NOT NULL, is_chosen INTEGER NOT NULL, message BLOB NOT NULL,
                            reason TEXT NOT NULL);
                        """)
            }
            self.pool = pool
        } catch {
            throw StoreError(sqlite: error)
        }
        self.lock = Mutex(lock)
        self.path = path
        self.committer = GroupCommitter(pool: self.pool)
    }

    func contents() throws(StoreError) -> Contents {
        do {
            return try self.pool.read { db in
                guard
                    let row = try GRDB.Row.fetchOne(
                        db, sql: "SELECT count(*), coalesce(sum(length(message)), 0), coalesce(max(number), 0) FROM messages")
                else { return Contents(messages: 0, bytes: 0, lastNumber: 0) }
                return Contents(messages: row[0], bytes: row[1], lastNumber: row[2])
            }
        } catch {
            throw StoreError(sqlite: error)
        }
    }

    /// The messages as they will be stored.
    ///
    /// - Parameter number: of the first.
    static func encode(_ messages: [LogAppend]) throws(StoreError) -> [Data] {
        do {
            let encoder = JSONEncoder()
            return try messages.map { try encoder.encode($0.message) }
        } catch {
            throw StoreError(.incompatible, "a message cannot be written as JSON: \(error)")
        }
    }

    /// Stores messages, all or none.
    ///
    /// - Parameters:
    ///   - number: of the first; the others have the next ones.
    ///   - encoded: ``encode(_:)`` of them.
    func store(_ messages: [LogAppend], _ encoded: [Data], from number: Int64) async throws(StoreError) {
        try await self.committer.write { db in
            let statement = try db.cachedStatement(sql: "INSERT INTO messages VALUES (?, ?, ?, ?)")
            for (index, append) in messages.enumerated() {
                statement.setUncheckedArguments([
                    number + Int64(index), append.route.queue.rawValue, append.route.isChosen, encoded[index],
                ])
                try statement.execute()
            }
        }
    }

    /// The first messages with numbers above `position` and below `horizon`.
    func read(after position: Int64, below horizon: Int64, limit: Int) async throws(StoreError) -> Page {
        do {
            return try await self.pool.read { db in
                let rows = try GRDB.Row.fetchAll(
                    db, sql: "SELECT * FROM messages WHERE number > ? AND number < ? ORDER BY number LIMIT ?",
                    arguments: [position, horizon, limit])
                return rows.reduce(into: Page()) { page, row in
                    let number: Int64 = row[0]
                    let data: Data = row[3]
                    page.last = number
                    do {
                        let message = try JSONDecoder().decode(InboundMessage.self, from: data)
                        let append = LogAppend(message: message, route: Route(QueueID(row[1] as String), isChosen: row[2]))
                        page.rows.append(Row(number: number, append: append, size: data.count))
                    } catch {
                        page.damage.append(Damage(number: number, size: data.count, reason: "\(error)"))
                    }
                }
            }
        } catch {
            throw StoreError(sqlite: error)
        }
    }

    /// Puts what is no message out of the way, into a table of its own.
    func reject(_ damage: [Damage]) async throws(StoreError) {
        try await self.committer.write { db in
            for damage in damage {
                try db.execute(
                    sql: """
                        INSERT INTO rejected (assistant, is_chosen, message, reason)
                        SELECT assistant, is_chosen, message, ? FROM messages WHERE number = ?
                        """, arguments: [damage.reason, damage.number])
                try db.execute(sql: "DELETE FROM messages WHERE number = ?", arguments: [damage.number])
            }
        }
    }

    func remove(_ numbers: [Int64]) async throws(StoreError) {
        try await self.committer.write { db in
            let statement = try db.cachedStatement(sql: "DELETE FROM messages WHERE number = ?")
            for number in numbers {
                statement.setUncheckedArguments([number])
                try statement.execute()
            }
        }
    }

    /// Closes the file and gives up the folder. No call may be in progress.
    func close() {
        try? self.pool.close()
        self.lock.withLock { $0 = nil }
    }
}
