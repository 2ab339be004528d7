public import CardumeCore
import FoundationEssentials
package import GRDB
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The embedded deployment's log and journal: one SQLite file, used by one process.
///
/// Writes go through one group committer; reads run beside them (WAL). Every commit is on disk before its caller hears of it
/// (`synchronous = FULL`).
public final class SQLiteStore: Sendable {
    public struct Settings: Sendable {
        /// Created when missing.
        public var folder: String
        /// Fixed when the file is created. Defaults to 64.
        public var partitionCount: Int
        /// How long a message id is remembered. Defaults to 24 h.
        public var dedupeWindow: Duration
        /// How long a silent conversation stays with its assistant. Defaults to 24 h.
        public var session: Duration

        /// Those who have an owner; a conversation whose holder is none of them is routed anew. Defaults to `nil`: all.
        public var queues: Set<QueueID>?

        public init(
            folder: String, partitionCount: Int = Partition.defaultCount, dedupeWindow: Duration = .seconds(24 * 3600),
            session: Duration = .seconds(24 * 3600), queues: Set<QueueID>? = nil
        ) {
            self.queues = queues
            self.folder = folder
            self.partitionCount = partitionCount
            self.dedupeWindow = dedupeWindow
            self.session = session
        }
    }

    struct State: Sendable {
        var nextOffset: UInt64
        /// Row ids of queues, by name.
        var queues: [QueueID: Int64]
        var acquired: Set<Partition.ID> = []
        /// Whose they are.
        var member: Member?
        /// Whether `crash_marks` may hold rows.
        var mayHaveCrashMarks: Bool
    }

    public static let fileName = "cardume.sqlite"

    let settings: Settings
    let pool: DatabasePool
    let committer: GroupCommitter
    /// This process's.
    public let ownership: Ownership
    let state: Mutex<State>
    private let lock: Mutex<FolderLock?>
    let bell = ArrivalBell()

    public var partitionCount: Int { self.settings.partitionCount }

    /// Opens the file, migrates it, and locks the folder against other processes.
    ///
    /// - Parameter onCommit: told of each group of writes: how many, and how long it took.
    /// - Throws: a ``StoreError`` that says what is wrong with the folder or the file.
    public init(
        settings: Settings, onCommit: @escaping @Sendable (Int, Duration) -> Void = { _, _ in }
    ) throws(StoreError) {
        let lock = try FolderLock(folder: settings.folder)
        do {
            let path = settings.folder + "/" + Self.fileName
            let pool = try Self.openPool(path: path)
            try Self.check(pool, path: path)
            try SQLiteSchema.migrator.migrate(pool)
            let (ownership, state) = try pool.write { db in
                try Self.fixPartitionCount(db, settings: settings)
                try Self.refuseOrphans(db, settings: settings)
                return (try Self.takeOver(db), try Self.state(db))
            }
            self.ownership = ownership
            self.state = Mutex(state)
            self.pool = pool
        } catch {
            throw StoreError(sqlite: error)
        }
        self.settings = settings
        self.committer = GroupCommitter(pool: self.pool, onCommit: onCommit)
        self.lock = Mutex(lock)
    }

    /// Opens a file the way the store does; also for the benchmark's plain loop.
    package static func openPool(path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "cardume"
        configuration.maximumReaderCount = 4
        let pool = try DatabasePool(path: path, configuration: configuration)
        try pool.writeWithoutTransaction { db in
            // A pool sets NORMAL when it opens, which would lose the latest commits in a power failure.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            // Most writes go to random pages of a few large indexes: 16 MiB of them in memory, and a checkpoint of 16 MiB at
            // a time, cost a fraction of SQLite's defaults.
            try db.execute(sql: "PRAGMA cache_size = -16384")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 4096")
        }
        return pool
    }

    /// Closes the file and gives up the folder. No call may be in progress.
    public func close() {
        try? self.pool.close()
        self.lock.withLock { $0 = nil }
    }

    /// Forgets message ids older than the deduplication window, in small steps. Called now and then.
    public func purgeSeen(at now: Timestamp) async throws(StoreError) {
        let limit = now.milliseconds - self.settings.dedupeWindow.milliseconds
        var removed = 0
        repeat {
            removed = try await self.committer.write { db in
                // Ids grow with time, so the oldest stand first and no index on the time is needed.
                try db.execute(
                    sql: """
                        DELETE FROM seen WHERE id IN (SELECT id FROM seen ORDER BY id LIMIT 500)
                        AND at < ? AND id < (SELECT max(id) FROM seen)
                        """, arguments: [limit])
                return db.changesCount
            }
        } while removed == 500
    }

    func reading<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await self.pool.read(body)
        } catch {
            throw StoreError(sqlite: error)
        }
    }

    // MARK: Opening

    private static func check(_ pool: DatabasePool, path: String) throws {
        try pool.read { db in
            let applicationID = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
            let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
            guard isEmpty || applicationID == SQLiteSchema.applicationID else {
                throw StoreError(.corrupt, "\(path) is a database of another program")
            }
            if try SQLiteSchema.migrator.hasBeenSuperseded(db) {
                throw StoreError(.newerSchema, "\(path) was written by a newer version of Cardume; install that or a later one")
            }
        }
    }

    private static func setting(_ db: Database, _ name: String) throws -> Int64? {
        try Int64.fetchOne(db, sql: "SELECT value FROM settings WHERE name = ?", arguments: [name])
    }

    static func set(_ db: Database, _ name: String, _ value: Int64) throws {
        try db.execute(
            sql: "INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            arguments: [name, value])
    }

    private static func fixPartitionCount(_ db: Database, settings: Settings) throws {
        guard let existing = try Self.setting(db, "partitions") else {
            return try Self.set(db, "partitions", Int64(settings.partitionCount))
        }
        guard existing == settings.partitionCount else {
            throw StoreError(
                .incompatible,
                "\(settings.folder) was created with \(existing) partitions, the configuration says \(settings.partitionCount)"
            )
        }
    }

    /// Messages whose assistant nobody serves would wait for ever, unnoticed.
    private static func refuseOrphans(_ db: Database, settings: Settings) throws {
        guard let served = settings.queues else { return }
        let rows = try Row.fetchAll(db, sql: "SELECT id, name FROM assistants")
        for row in rows where !served.contains(QueueID(row["name"] as String)) {
            let (first, last) = ((row["id"] as Int64) << 16, (row["id"] as Int64) << 16 | 0xFFFF)
            let count =
                try Int.fetchOne(
                    db, sql: "SELECT count(*) FROM queue WHERE lane BETWEEN ? AND ?", arguments: [first, last]) ?? 0
            guard count == 0 else {
                throw StoreError(
                    .incompatible,
                    "\(count) unanswered messages in \(settings.folder) belong to the assistant \"\(row["name"] as String)\", "
                        + "which the configuration does not have; put it back until they are answered")
            }
        }
    }

    /// A new epoch for this process. Whether the one before it said goodbye decides what may have killed it.
    private static func takeOver(_ db: Database) throws -> Ownership {
        let epoch = (try Self.setting(db, "epoch") ?? 0) + 1
        let wasClosed = try Self.setting(db, "is_closed") ?? 1
        try Self.set(db, "epoch", epoch)
        try Self.set(db, "is_closed", 0)
        return Ownership(epoch: Epoch(rawValue: epoch), followsCrash: wasClosed == 0)
    }

    private static func state(_ db: Database) throws -> State {
        // Notices and timers' messages take offsets, too, without being remembered as seen.
        let latest =
            try Int64.fetchOne(db, sql: "SELECT max(id) FROM (SELECT id FROM seen UNION ALL SELECT id FROM queue)") ?? 0
        let rows = try Row.fetchAll(db, sql: "SELECT id, name FROM assistants")
        let queues = rows.map { (QueueID($0["name"] as String), $0["id"] as Int64) }
        return State(
            nextOffset: UInt64(latest) + 1,
            queues: Dictionary(queues) { first, _ in first },
            mayHaveCrashMarks: try Int.fetchOne(db, sql: "SELECT count(*) FROM crash_marks") != 0
        )
    }
}

/// An advisory lock on a folder, held for as long as the object, or the process, lives.
final class FolderLock: Sendable {
    private let descriptor: Int32

    init(folder: String) throws(StoreError) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw StoreError(.unavailable, "cannot create the folder \(folder): \(String(cString: strerror(errno)))")
        }
        let path = folder + "/cardume.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(.unavailable, "cannot write to the folder \(folder): \(String(cString: strerror(errno)))")
        }
        // Patient for a moment: a process that has just ended may have had a child between `fork` and `exec`, which still
        // holds the lock.
        var tries = 1
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard tries < 20 else {
                _ = closeDescriptor(descriptor)
                throw StoreError(.locked, "another Cardume process is using \(folder)")
            }
            tries += 1
            usleep(25_000)
        }
        self.descriptor = descriptor
    }

    deinit {
        _ = closeDescriptor(self.descriptor)
    }
}

/// `close(2)`, which inside a class would be shadowed by its own methods.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
