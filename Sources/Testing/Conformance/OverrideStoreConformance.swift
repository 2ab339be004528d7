public import CardumeCore

/// What every ``OverrideStore`` promises. Run against an empty one.
public struct OverrideStoreConformance {
    private let store: any OverrideStore
    private let author = SettingAuthor("ana", reason: "black friday")

    public init(_ store: any OverrideStore) {
        self.store = store
    }

    /// - Parameter pass: returns when at least that much time has passed on the store's clock.
    /// - Throws: a ``ConformanceFailure`` at the first broken promise.
    public func run(pass: (Duration) async throws -> Void) async throws {
        try await self.journalsChanges()
        try await self.rollsBack()
        try await self.expires(pass)
        try await self.countsEveryChangeOnce()
    }

    private func values() async throws -> [String: String] {
        Dictionary(uniqueKeysWithValues: try await self.store.snapshot().overrides.map { ($0.path, $0.value) })
    }

    private func journalsChanges() async throws {
        try expect(try await self.store.version() == 0, "a new store is at version 0")
        try expect(try await self.store.snapshot().overrides.isEmpty, "and nothing is set")
        let first = try await self.store.set("a.slots", to: "8", for: nil, by: self.author)
        try expect(
            first.id == 1 && first.old == nil && first.new == "8" && first.action == .set, "the first change is number 1")
        let second = try await self.store.set("a.slots", to: "olá", for: nil, by: SettingAuthor("rui"))
        try expect(second.id == 2 && second.old == "8", "a change knows what was before")
        _ = try await self.store.set("a.slots", to: "9", for: .seconds(3600), by: self.author)
        let snapshot = try await self.store.snapshot()
        try expect(snapshot.version == 3, "the version is the latest change")
        try expect(try await self.store.version() == 3, "asked either way")
        try expect(snapshot.overrides.map(\.path) == ["a.slots"], "a path is set once")
        let set = snapshot.overrides[0]
        try expect(set.value == "9" && set.author == self.author, "to the latest value")
        try expect(set.expiresAt?.elapsed(since: set.at) == .seconds(3600), "and ends after its lifetime")
        try expect(set.at <= snapshot.readAt, "by one clock")
        let third = try await self.store.unset("a.slots", by: self.author)
        try expect(
            third?.id == 4 && third?.old == "9" && third?.new == nil && third?.action == .unset, "what is set can be unset")
        try expect(try await self.store.unset("a.slots", by: self.author) == nil, "once")
        try expect(try await self.store.version() == 4, "what changes nothing is no change")
        let history = try await self.store.history(of: "a.slots", limit: 3)
        try expect(history.map(\.id) == [4, 3, 2], "the latest changes come first, as many as asked for")
        try expect(history[1].author == self.author && history[2].author.reason == nil, "with who and why")
        try expect(try await self.store.history(of: "b", limit: 3).isEmpty, "of the path asked for")
        try expect(try await self.store.change(3) == history[1], "each can be had by its number")
        try expect(try await self.store.change(5) == nil, "once it is there")
        let long = String(repeating: "ação ", count: 400)
        let fifth = try await self.store.set("a.prompt", to: long, for: nil, by: self.author)
        let shown = try await self.store.history(of: "a.prompt", limit: 1)
        try expect(
            shown.first?.new?.unicodeScalars.count == SettingChange.previewLength + 1
                && long.hasPrefix(shown.first?.new ?? "-"), "long values are cut in lists")
        try expect(try await self.store.change(fifth.id)?.new == long, "and whole by themselves")
        _ = try await self.store.unset("a.prompt", by: self.author)
    }

    private func rollsBack() async throws {
        _ = try await self.store.set("a", to: "1", for: nil, by: self.author)
        let wanted = try await self.store.set("b", to: "2", for: .seconds(3600), by: self.author)
        _ = try await self.store.set("a", to: "3", for: nil, by: self.author)
        _ = try await self.store.set("c", to: "4", for: nil, by: self.author)
        _ = try await self.store.unset("b", by: self.author)
        let changes = try await self.store.rollBack(to: wanted.id, by: SettingAuthor("rui", reason: "undo"))
        try expect(changes?.map(\.path) == ["a", "b", "c"], "a rollback changes what has changed since")
        try expect(changes?.map(\.new) == ["1", "2", nil], "back to what it was")
        try expect(changes?[1].expiresAt == wanted.expiresAt, "with its end")
        try expect(try await self.values() == ["a": "1", "b": "2"], "and so it is")
        try expect(
            try await self.store.history(of: nil, limit: 3).map(\.author) == changes?.map(\.author), "journaled like any change"
        )
        try expect(try await self.store.rollBack(to: wanted.id, by: self.author)?.isEmpty == true, "twice changes nothing")
        let version = try await self.store.version()
        try expect(try await self.store.rollBack(to: version + 1, by: self.author) == nil, "the future is unknown")
        try expect(try await self.store.rollBack(to: -1, by: self.author) == nil, "so is what was before the beginning")
        _ = try await self.store.rollBack(to: 0, by: self.author)
        try expect(try await self.values().isEmpty, "before the first change nothing was set")
    }

    private func expires(_ pass: (Duration) async throws -> Void) async throws {
        _ = try await self.store.set("keep", to: "1", for: .seconds(3600), by: self.author)
        let short = try await self.store.set("short", to: "1", for: .milliseconds(50), by: self.author)
        try await pass(.milliseconds(60))
        let snapshot = try await self.store.snapshot()
        try expect(
            snapshot.overrides.filter { $0.isInForce(at: snapshot.readAt) }.map(\.path) == ["keep"],
            "what has expired counts no more, whoever takes it away")
        let store = self.store
        let found = try await withThrowingTaskGroup(of: [SettingChange].self) { group in
            for _ in 0..<4 { group.addTask { try await store.expire() } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        try expect(found.map(\.path) == ["short"], "one of several finds it")
        try expect(found.first?.action == .expired && found.first?.old == "1" && found.first?.new == nil, "and journals it")
        try expect(try await self.values() == ["keep": "1"], "then it is gone")
        _ = try await self.store.rollBack(to: short.id, by: self.author)
        try expect(try await self.values() == ["keep": "1"], "and no rollback brings it back")
        _ = try await self.store.rollBack(to: 0, by: self.author)
    }

    private func countsEveryChangeOnce() async throws {
        let before = try await self.store.version()
        let (store, author) = (self.store, self.author)
        let ids = try await withThrowingTaskGroup(of: Int64.self) { group in
            for index in 0..<20 {
                group.addTask { try await store.set("p\(index % 3)", to: "\(index)", for: nil, by: author).id }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try expect(ids.sorted() == (1...20).map { before + $0 }, "changes at once are numbered without gaps")
        let history = try await self.store.history(of: nil, limit: 20)
        for path in ["p0", "p1", "p2"] {
            let latest = history.first { $0.path == path }
            try expect(try await self.values()[path] == latest?.new, "the latest change counts")
        }
    }
}
