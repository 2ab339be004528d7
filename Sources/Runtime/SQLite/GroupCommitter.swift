import CardumeCore
import GRDB
import Synchronization

/// Commits the writes of concurrent callers together: one transaction, one `fsync`, for all that came while the one before
/// it was being written.
final class GroupCommitter: Sendable {
    /// One caller's write and how to tell the caller.
    private struct Operation: Sendable {
        let perform: @Sendable (Database) throws -> @Sendable (Result<Void, any Error>) -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private struct State {
        var waiting: [Operation] = []
        var isScheduled = false
    }

    /// Bounds how long the last of a group waits for the first.
    private static let largestGroup = 512

    private let pool: DatabasePool
    private let onCommit: @Sendable (Int, Duration) -> Void
    private let state = Mutex(State())

    /// - Parameter onCommit: told of each group that is committed: how many writes, and how long it took.
    init(pool: DatabasePool, onCommit: @escaping @Sendable (Int, Duration) -> Void = { _, _ in }) {
        self.pool = pool
        self.onCommit = onCommit
    }

    /// Runs `body` in a transaction shared with others and returns once it is on disk.
    ///
    /// `body` throws only before its first change, or for reasons that spoil the whole transaction. It may run twice: a group
    /// that fails is rolled back and its members are tried one by one.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await withCheckedThrowingContinuation { continuation in
                let operation = Operation(
                    perform: { db in
                        let value = try body(db)
                        return { continuation.resume(with: $0.map { value }) }
                    },
                    fail: { continuation.resume(throwing: $0) }
                )
                let mustSchedule = self.state.withLock { state in
                    state.waiting.append(operation)
                    defer { state.isScheduled = true }
                    return !state.isScheduled
                }
                if mustSchedule { self.pool.asyncWriteWithoutTransaction { self.drain($0) } }
            }
        } catch {
            throw StoreError(sqlite: error)
        }
    }

    private func drain(_ db: Database) {
        while true {
            let group = self.state.withLock { state in
                let group = Array(state.waiting.prefix(Self.largestGroup))
                state.waiting.removeFirst(group.count)
                if group.isEmpty { state.isScheduled = false }
                return group
            }
            if group.isEmpty { return }
            do {
                try self.commit(group, db)
            } catch {
                for operation in group {
                    do { try self.commit([operation], db) } catch { operation.fail(error) }
                }
            }
        }
    }

    /// All or none; nobody has been told anything when it throws.
    private func commit(_ group: [Operation], _ db: Database) throws {
        let begin = ContinuousClock.now
        var completions: [@Sendable (Result<Void, any Error>) -> Void] = []
        completions.reserveCapacity(group.count)
        try db.inTransaction(.immediate) {
            for operation in group { completions.append(try operation.perform(db)) }
            return .commit
        }
        self.onCommit(group.count, begin.duration(to: .now))
        for complete in completions { complete(.success(())) }
    }
}

extension StoreError {
    /// Wraps what GRDB throws; the only place where SQLite's codes are read.
    init(sqlite error: any Error) {
        if let error = error as? StoreError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.unavailable, "the store did not answer: \(error)")
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL:
            self.init(.full, "no space left for the data file")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(.corrupt, "the data file is damaged or is no Cardume file (\(error.message ?? "no details"))")
        case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_MISUSE, .SQLITE_ERROR:
            self.init(.incompatible, "the data file does not fit this program (\(error.message ?? "no details"))")
        default:
            self.init(.unavailable, "the data file cannot be used: \(error.message ?? "no details") (\(error.resultCode))")
        }
    }
}
