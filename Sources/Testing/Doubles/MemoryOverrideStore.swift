public import CardumeCore
import Synchronization

/// Live settings in memory. Its clock stands still unless it is told otherwise.
public final class MemoryOverrideStore: OverrideStore {
    private struct State {
        var now: Timestamp
        var overrides: [String: SettingOverride] = [:]
        var changes: [SettingChange] = []
        var outage: StoreError?
        var reads = 0

        var snapshot: OverrideSnapshot {
            OverrideSnapshot(
                version: Int64(self.changes.count), readAt: self.now,
                overrides: self.overrides.values.sorted { $0.path < $1.path })
        }
    }

    private let state: Mutex<State>

    public init(now: Timestamp = Timestamp(milliseconds: 1_795_176_000_000)) {
        self.state = Mutex(State(now: now))
    }

    /// Lets time pass.
    public func advance(by duration: Duration) { self.state.withLock { $0.now = $0.now.advanced(by: duration) } }

    /// Makes every call fail with `error`, until it is `nil` again.
    public func fail(with error: StoreError?) { self.state.withLock { $0.outage = error } }

    /// How often ``snapshot()`` was called.
    public var reads: Int { self.state.withLock { $0.reads } }

    public func version() async throws(StoreError) -> Int64 { try self.access { $0.snapshot.version } }

    public func snapshot() async throws(StoreError) -> OverrideSnapshot {
        try self.access { state in
            state.reads += 1
            return state.snapshot
        }
    }

    public func set(
        _ path: String, to value: String, for lifetime: Duration?, by author: SettingAuthor
    ) async throws(StoreError) -> SettingChange {
        try self.edit { book, _ in book.set(path, to: value, for: lifetime, by: author) }[0]
    }

    public func unset(_ path: String, by author: SettingAuthor) async throws(StoreError) -> SettingChange? {
        try self.edit { book, _ in book.unset(path, by: author) }.first
    }

    public func rollBack(
        to change: Int64, by author: SettingAuthor
    ) async throws(StoreError) -> [SettingChange]? {
        guard (0...(try await self.version())).contains(change) else { return nil }
        return try self.edit { book, changes in
            let latest = Dictionary(changes.filter { $0.id <= change }.map { ($0.path, $0) }) { $1 }
            book.restore(latest.values.compactMap(\.made), by: author)
        }
    }

    public func expire() async throws(StoreError) -> [SettingChange] {
        try self.edit { book, _ in book.expire() }
    }

    public func change(_ id: Int64) async throws(StoreError) -> SettingChange? {
        try self.access { state in state.changes.first { $0.id == id } }
    }

    public func history(of path: String?, limit: Int) async throws(StoreError) -> [SettingChange] {
        func cut(_ value: String?) -> String? {
            value.map { String(String.UnicodeScalarView($0.unicodeScalars.prefix(SettingChange.previewLength + 1))) }
        }
        return try self.access { state in
            state.changes.reversed().filter { path == nil || $0.path == path }.prefix(limit).map { change in
                var change = change
                (change.old, change.new) = (cut(change.old), cut(change.new))
                return change
            }
        }
    }

    private func edit(_ change: (inout OverrideBook, [SettingChange]) -> Void) throws(StoreError) -> [SettingChange] {
        try self.access { state in
            var book = OverrideBook(Array(state.overrides.values), version: Int64(state.changes.count), at: state.now)
            change(&book, state.changes)
            for change in book.changes { state.overrides[change.path] = change.made }
            state.changes += book.changes
            return book.changes
        }
    }

    private func access<Value: Sendable>(_ body: (inout State) -> Value) throws(StoreError) -> Value {
        try self.state.withLock { state throws(StoreError) in
            if let outage = state.outage { throw outage }
            return body(&state)
        }
    }
}
