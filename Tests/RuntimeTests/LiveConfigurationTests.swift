import CardumeCore
import CardumeTesting
import Logging
import Synchronization
import Testing

@testable import CardumeRuntime

@Suite(.timeLimit(.minutes(1))) struct LiveConfigurationTests {
    private static let path = "assistants.financeiro.slots"
    private static let ana = SettingAuthor("ana")

    /// One process: what it was told to apply, and what it logged.
    private final class Process: Sendable {
        let live: LiveConfiguration
        let applied = Mutex<[Int]>([])
        private let lines = Lines()
        private let uptime = Uptime()

        init(_ store: any OverrideStore, isShared: Bool = true) throws {
            let base = try CardumeConfiguration(
                yaml: "assistants: { financeiro: { slots: 2 } }", file: "c", environment: [:])
            let (lines, uptime) = (self.lines, self.uptime)
            self.live = LiveConfiguration(
                base, store: store, isShared: isShared,
                logger: Logger(label: "test") { label in
                    LineLogHandler(label: label, level: Live(.info), format: .text) { lines.add($0) }
                }, uptime: { uptime.value })
        }

        var slots: Int { self.live.current.assistants[0].assistant.slots }
        func logged(_ text: String) -> Int { self.lines.all.count { $0.contains(text) } }
        func advance(by duration: Duration) { self.uptime.advance(by: duration) }

        func start() async throws {
            try await self.live.start { configuration in
                self.applied.withLock { $0.append(configuration.assistants[0].assistant.slots) }
            }
        }

        /// - Parameter count: looks at the store.
        func tick(_ count: Int = 1) async {
            let (ticks, continuation) = AsyncStream<Void>.makeStream()
            for _ in 0..<count { continuation.yield() }
            continuation.finish()
            await self.live.run(ticks: ticks)
        }
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { self.lines.withLock { $0 } }
        func add(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    private final class Uptime: Sendable {
        private let now = Mutex(Duration.zero)
        var value: Duration { self.now.withLock { $0 } }
        func advance(by duration: Duration) { self.now.withLock { $0 += duration } }
    }

    @Test func aChangeCountsAtOnceHereAndWithTheNextTickElsewhere() async throws {
        let store = MemoryOverrideStore()
        let (here, there) = (try Process(store), try Process(store))
        for process in [here, there] { try await process.start() }
        let change = try await here.live.set("financeiro.concurrency", to: "8", for: nil, by: Self.ana)
        #expect(change.path == Self.path)
        #expect(here.slots == 8)
        #expect(there.slots == 2, "before its tick")
        await there.tick()
        #expect(there.slots == 8)
        #expect(there.applied.withLock { $0 } == [2, 8])
        #expect(there.logged("setting changed") == 1)
        _ = try await there.live.unset("financeiro.slots", by: Self.ana)
        await here.tick()
        #expect(here.slots == 2)
        #expect(await here.live.version == 2)
    }

    /// The negative control: what nobody looks for is not obeyed.
    @Test func withoutTicksNothingIsObeyed() async throws {
        let store = MemoryOverrideStore()
        let (here, there) = (try Process(store), try Process(store))
        for process in [here, there] { try await process.start() }
        _ = try await here.live.set(Self.path, to: "8", for: nil, by: Self.ana)
        await there.tick(0)
        #expect(there.slots == 2)
    }

    @Test func aTickThatFindsNothingNewReadsNothing() async throws {
        let store = MemoryOverrideStore()
        let process = try Process(store)
        try await process.start()
        await process.tick(10)
        #expect(store.reads == 1, "at the start")
        #expect(process.applied.withLock { $0 } == [2])
    }

    @Test func aStoreThatIsAwayChangesNothing() async throws {
        let store = MemoryOverrideStore()
        _ = try await store.set(Self.path, to: "8", for: .seconds(60), by: Self.ana)
        let process = try Process(store)
        try await process.start()
        #expect(process.slots == 8)
        store.fail(with: StoreError(.unavailable, "away"))
        await process.tick(5)
        #expect(process.slots == 8)
        #expect(process.logged("cannot be read") == 1)
        await #expect(throws: StoreError.self) { try await process.live.set(Self.path, to: "9", for: nil, by: Self.ana) }
        process.advance(by: .seconds(60))
        await process.tick()
        #expect(process.slots == 2, "its time is over, whether the store answers or not")
        store.advance(by: .seconds(60))
        store.fail(with: nil)
        await process.tick()
        #expect(process.logged("can be read again") == 1)
        #expect(try await store.history(of: nil, limit: 9).map(\.action) == [.expired, .set])
    }

    /// A store that says nothing for a while must not prolong anything.
    @Test func whatIsOverIsOverBeforeTheStoreAnswers() async throws {
        let store = SilentStore()
        _ = try await store.set(Self.path, to: "8", for: .seconds(60), by: Self.ana)
        let process = try Process(store)
        try await process.start()
        #expect(process.slots == 8)
        process.advance(by: .seconds(60))
        let tick = Task { await process.tick() }
        try await Waiting.until("the end of the override") { process.slots == 2 }
        #expect(!tick.isCancelled && store.answer.withLock { $0 } == nil)
        store.answer.withLock { $0 = [] }
        await tick.value
    }

    /// Does not say what has expired until it is told to.
    private final class SilentStore: OverrideStore {
        private let store = MemoryOverrideStore()
        let answer = Mutex<[SettingChange]?>(nil)

        func version() async throws(StoreError) -> Int64 { try await self.store.version() }
        func snapshot() async throws(StoreError) -> OverrideSnapshot { try await self.store.snapshot() }
        func set(
            _ path: String, to value: String, for lifetime: Duration?, by author: SettingAuthor
        ) async throws(StoreError) -> SettingChange {
            try await self.store.set(path, to: value, for: lifetime, by: author)
        }
        func unset(_ path: String, by author: SettingAuthor) async throws(StoreError) -> SettingChange? {
            try await self.store.unset(path, by: author)
        }
        func rollBack(to change: Int64, by author: SettingAuthor) async throws(StoreError) -> [SettingChange]? {
            try await self.store.rollBack(to: change, by: author)
        }
        func history(of path: String?, limit: Int) async throws(StoreError) -> [SettingChange] {
            try await self.store.history(of: path, limit: limit)
        }
        func change(_ id: Int64) async throws(StoreError) -> SettingChange? { try await self.store.change(id) }

        func expire() async throws(StoreError) -> [SettingChange] {
            while true {
                if let answer = self.answer.withLock({ $0 }) { return answer }
                try? await ContinuousClock().sleep(for: .milliseconds(5))
            }
        }
    }

    @Test(arguments: [true, false])
    func anExpiredOverrideIsJournaledOnce(isShared: Bool) async throws {
        let store = MemoryOverrideStore()
        let processes = try (0..<(isShared ? 6 : 1)).map { _ in try Process(store, isShared: isShared) }
        for process in processes { try await process.start() }
        _ = try await processes[0].live.set(Self.path, to: "8", for: .seconds(60), by: Self.ana)
        for process in processes { await process.tick() }
        #expect(processes.allSatisfy { $0.slots == 8 })
        store.advance(by: .seconds(60))
        for process in processes { process.advance(by: .seconds(60)) }
        await withDiscardingTaskGroup { group in
            for process in processes { group.addTask { await process.tick(2) } }
        }
        #expect(processes.allSatisfy { $0.slots == 2 })
        #expect(try await store.history(of: nil, limit: 9).map(\.action) == [.expired, .set])
        #expect(try await store.snapshot().overrides.isEmpty)
    }

    @Test func whatCannotCountIsNamedOnceAndStopsNothing() async throws {
        let store = MemoryOverrideStore()
        _ = try await store.set("assistants.gone.slots", to: "8", for: nil, by: Self.ana)
        _ = try await store.set(Self.path, to: "1000000", for: nil, by: Self.ana)
        let process = try Process(store)
        try await process.start()
        #expect(process.slots == 2)
        #expect(process.logged("not in force") == 2)
        _ = try await store.set("credits", to: "600", for: nil, by: Self.ana)
        await process.tick()
        #expect(process.live.current.credits == 600)
        #expect(process.logged("not in force") == 2, "once")
        #expect(await process.live.refused.map(\.override.path) == ["assistants.financeiro.slots", "assistants.gone.slots"])
        let state = try await process.live.state(of: Self.path)
        #expect(state.refused?.problem.contains("1 to 100000") == true)
        #expect(try await process.live.unset("assistants.gone.slots", by: Self.ana)?.old == "8", "it can be taken away")
    }

    @Test func outOfRangeIsRefusedWithTheRange() async throws {
        let store = MemoryOverrideStore()
        let process = try Process(store)
        try await process.start()
        for (name, value, code, words) in [
            ("financeiro.slots", "0", SettingRefusal.Code.notAllowed, "1 to 100000"),
            ("http.port", "1", .needsRestart, "restart"),
            ("model.key", "k", .isSecret, "secret"), ("finaceiro.slots", "8", .unknown, "did you mean"),
        ] {
            let refusal = await #expect(throws: SettingRefusal.self) {
                try await process.live.set(name, to: value, for: nil, by: Self.ana)
            }
            #expect(refusal?.code == code)
            #expect(refusal?.message.contains(words) == true)
        }
        let refusal = await #expect(throws: SettingRefusal.self) { try await process.live.rollBack(to: 3, by: Self.ana) }
        #expect(refusal?.code == .unknownChange)
        #expect(try await store.version() == 0, "what is refused leaves no trace")
    }

    @Test func aStoreThatIsAwayAtTheStartIsAnError() async throws {
        let store = MemoryOverrideStore()
        store.fail(with: StoreError(.unavailable, "away"))
        let process = try Process(store)
        await #expect(throws: StoreError.self) { try await process.start() }
    }
}
