import CardumeCore
import CardumeRuntime
import CardumeTesting
import Foundation
import GRDB
import TestSupport
import Testing

@Suite struct StoreConformanceTests {
    @Test func memoryKeepsItsPromises() async throws {
        let log = MemoryStore()
        try await PartitionLogConformance(log) { partition in
            try await Fence(partition, #require(log.claim([partition], for: "suite")[partition]).epoch)
        }.run()
        let journal = MemoryStore()
        try await JournalConformance(journal, journal).run()
        let usage = MemoryStore()
        try await UsageConformance(usage, usage).run()
        let leases = MemoryStore(timeToLive: .seconds(1))
        try await LeaseStoreConformance(leases).run { leases.expire("a") }
        let overrides = MemoryOverrideStore()
        try await OverrideStoreConformance(overrides).run { overrides.advance(by: $0) }
    }

    @Test func sqliteKeepsItsPromises() async throws {
        let folder = TemporaryFolder()
        let log = try SQLiteStore(settings: SQLiteStore.Settings(folder: folder.path + "/log"))
        try await PartitionLogConformance(log) { Fence($0, log.ownership.epoch) }.run()
        log.close()
        let journal = try SQLiteStore(settings: SQLiteStore.Settings(folder: folder.path + "/journal"))
        try await JournalConformance(journal, journal).run()
        try await OverrideStoreConformance(journal).run { try await ContinuousClock().sleep(for: $0) }
        journal.close()
        let usage = try SQLiteStore(settings: SQLiteStore.Settings(folder: folder.path + "/usage"))
        try await UsageConformance(usage, usage).run()
        usage.close()
    }
}

@Suite struct SQLiteStoreTests {
    private static let partition = Partition.ID(assistant: "suporte", number: 0)

    private static func claim(_ store: SQLiteStore) async throws -> Ownership {
        try #require(try await store.claim([Self.partition], for: "m")[Self.partition])
    }

    private static func open(_ folder: TemporaryFolder, partitions: Int = 64) throws -> SQLiteStore {
        try SQLiteStore(settings: SQLiteStore.Settings(folder: folder.path, partitionCount: partitions))
    }

    private static func append(_ id: String, at milliseconds: Int64 = 1_795_176_000_000) -> LogAppend {
        LogAppend(
            message: InboundMessage(
                id: MessageID(id), conversation: "loja:1", text: "oi", receivedAt: Timestamp(milliseconds: milliseconds),
                replyAddress: "1", traceID: ""), route: Route(assistant: "suporte"))
    }

    private static func code(_ body: () throws -> SQLiteStore) -> StoreError.Code? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }

    @Test func everythingSurvivesAReopening() async throws {
        let folder = TemporaryFolder()
        let first = try Self.open(folder)
        let outcomes = try await first.append([Self.append("a"), Self.append("b")])
        first.close()
        let second = try Self.open(folder)
        guard case .appended(let partition, let offset) = outcomes[0] else { throw CancellationError() }
        let entries = try await second.next(partition, after: .start, limit: 10)
        #expect(entries.map(\.message.id) == ["a", "b"])
        #expect(entries.first?.offset == offset)
        #expect(try await second.append([Self.append("a")]) == [.duplicate])
        second.close()
    }

    @Test func offsetsAreNeverGivenOutTwice() async throws {
        let folder = TemporaryFolder()
        let first = try Self.open(folder)
        guard case .appended(let partition, let offset) = try await first.append([Self.append("a")])[0] else { return }
        try await first.settle([offset], Fence(partition, first.ownership.epoch))
        try await first.purgeSeen(at: Timestamp(milliseconds: 1_795_176_000_000 + 48 * 3_600_000))
        first.close()
        let second = try Self.open(folder)
        guard case .appended(_, let next) = try await second.append([Self.append("b")])[0] else { return }
        #expect(next > offset)
        second.close()
    }

    @Test func oldMessageIDsArePurged() async throws {
        let folder = TemporaryFolder()
        let store = try Self.open(folder)
        _ = try await store.append((0..<1_200).map { Self.append("old-\($0)") })
        _ = try await store.append([Self.append("new", at: 1_795_176_000_000 + 30 * 3_600_000)])
        try await store.purgeSeen(at: Timestamp(milliseconds: 1_795_176_000_000 + 30 * 3_600_000))
        store.close()
        let queue = try DatabaseQueue(path: folder.path + "/" + SQLiteStore.fileName)
        #expect(try await queue.read { try String.fetchAll($0, sql: "SELECT message_id FROM seen") } == ["new"])
    }

    @Test func aCrashIsNoticedByTheNextOwner() async throws {
        let folder = TemporaryFolder()
        var store = try Self.open(folder)
        #expect(try await Self.claim(store).followsCrash == false)
        let epoch = store.ownership.epoch
        store.close()
        store = try Self.open(folder)
        #expect(try await Self.claim(store).followsCrash == true)
        #expect(store.ownership.epoch > epoch)
        try await store.release([Fence(Self.partition, store.ownership.epoch)], of: "m")
        try await store.leave("m")
        store.close()
        store = try Self.open(folder)
        #expect(try await Self.claim(store).followsCrash == false)
        store.close()
    }

    @Test func commitsReachTheDisk() async throws {
        let folder = TemporaryFolder()
        let store = try Self.open(folder)
        let pool = try SQLiteStore.openPool(path: folder.path + "/other.sqlite")
        let synchronous = try await pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        #expect(synchronous == 2, "FULL")
        try pool.close()
        store.close()
    }

    @Test func concurrentWritersAreCommittedInGroups() async throws {
        let folder = TemporaryFolder()
        let store = try Self.open(folder)
        let outcomes = try await withThrowingTaskGroup(of: [AppendOutcome].self) { group in
            for index in 0..<500 { group.addTask { try await store.append([Self.append("m\(index)")]) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let offsets = outcomes.compactMap { if case .appended(_, let offset) = $0 { offset } else { nil } }
        #expect(Set(offsets).count == 500)
        store.close()
    }

    // MARK: Files that cannot be used

    @Test func aSecondProcessIsRefused() throws {
        let folder = TemporaryFolder()
        let store = try Self.open(folder)
        #expect(Self.code { try Self.open(folder) } == .locked)
        store.close()
    }

    @Test func aForeignFileIsRefused() throws {
        let folder = TemporaryFolder()
        try Data("isto não é um banco de dados, é um texto comprido o bastante".utf8)
            .write(to: URL(filePath: folder.path + "/" + SQLiteStore.fileName))
        #expect(Self.code { try Self.open(folder) } == .corrupt)
    }

    @Test func anotherProgramsDatabaseIsRefusedAndLeftAlone() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/" + SQLiteStore.fileName
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "CREATE TABLE theirs (x)") }
        try queue.close()
        #expect(Self.code { try Self.open(folder) } == .corrupt)
        let again = try DatabaseQueue(path: path)
        #expect(try again.read { try String.fetchAll($0, sql: "SELECT name FROM sqlite_master") } == ["theirs"])
    }

    @Test func aNewerFileIsRefused() throws {
        let folder = TemporaryFolder()
        try Self.open(folder).close()
        let queue = try DatabaseQueue(path: folder.path + "/" + SQLiteStore.fileName)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2 from the future')") }
        try queue.close()
        #expect(Self.code { try Self.open(folder) } == .newerSchema)
    }

    @Test func anotherNumberOfPartitionsIsRefused() throws {
        let folder = TemporaryFolder()
        try Self.open(folder).close()
        #expect(Self.code { try Self.open(folder, partitions: 32) } == .incompatible)
    }

    @Test func messagesOfAnAssistantThatIsGoneAreNotForgotten() async throws {
        let folder = TemporaryFolder()
        let first = try Self.open(folder)
        guard case .appended(let partition, let offset) = try await first.append([Self.append("a")])[0] else { return }
        first.close()
        let others = SQLiteStore.Settings(folder: folder.path, queues: ["comercial"])
        #expect(Self.code { try SQLiteStore(settings: others) } == .incompatible)
        let again = try Self.open(folder)
        try await again.settle([offset], Fence(partition, again.ownership.epoch))
        again.close()
        let second = try SQLiteStore(settings: others)
        let route = Route(assistant: "comercial")
        let outcome = try await second.append([LogAppend(message: Self.append("b").message, route: route)])
        guard case .appended(let next, _) = outcome[0] else { throw CancellationError() }
        #expect(next.queue == "comercial", "the holder is gone: the route decides")
        second.close()
    }

    @Test func aFinishedMessageIsADuplicateForEver() async throws {
        let folder = TemporaryFolder()
        let store = try Self.open(folder)
        let message = Self.append("a").message
        guard case .appended(let partition, let offset) = try await store.append([Self.append("a")])[0] else { return }
        _ = try await store.commit(
            .turn(
                TurnCommit(
                    turn: message.id, conversation: message.conversation, assistant: "suporte", messages: [message],
                    intents: [], usage: nil, attempt: 1, startedAt: message.receivedAt, finishedAt: message.receivedAt)),
            Fence(partition, store.ownership.epoch))
        try await store.settle([offset], Fence(partition, store.ownership.epoch))
        #expect(try await store.append([Self.append("a", at: 1_795_176_000_000 + 900 * 3_600_000)]) == [.duplicate])
        store.close()
    }

    @Test func anUnusableFolderIsRefused() {
        let code = Self.code {
            try SQLiteStore(settings: SQLiteStore.Settings(folder: "/proc/no-such-folder"))
        }
        #expect(code == .unavailable)
    }
}
