import CardumeCore
import CardumeTesting
import GRDB
import Logging
import Synchronization
import TestSupport
import Testing

@testable import CardumeRuntime

/// How what is on disk comes into a log that takes only some of it, or nothing, or says nothing.
@Suite(.timeLimit(.minutes(3))) struct SpoolReplayTests {
    private static let away = StoreError(.unavailable, "away")
    /// Contacts whose conversations are of different partitions (of the four that a ``MemoryStore`` has).
    private static let contacts: [String] = {
        let names = (0..<100).map { "\($0)" }
        return (0..<2).compactMap { partition in names.first { Self.partition($0) == partition } }
    }()

    private static func conversation(_ contact: String) -> Conversation.ID {
        Conversation.ID(channel: "loja", contact: ContactID(contact))
    }

    private static func partition(_ contact: String) -> Int { Self.conversation(contact).partitionNumber(of: 4) }

    private static func append(_ number: Int, of contact: String) -> LogAppend {
        LogAppend(
            message: InboundMessage(
                id: MessageID("m\(number)"), conversation: Self.conversation(contact), text: "oi",
                receivedAt: Timestamp(milliseconds: 1_795_176_000_000), replyAddress: contact, traceID: "t"),
            route: Route(assistant: "suporte"))
    }

    /// A log that takes what `decide` lets pass.
    private final class GuardedLog: ForwardingLog {
        let store = MemoryStore()
        let decide = Mutex<@Sendable ([LogAppend]) async -> StoreError?>({ _ in SpoolReplayTests.away })
        let calls = Mutex(0)

        var log: any PartitionLog { self.store }

        func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
            self.calls.withLock { $0 += 1 }
            let decide = self.decide.withLock { $0 }
            if let error = await decide(messages) { throw error }
            return try await self.store.append(messages)
        }

        func set(_ decide: @escaping @Sendable ([LogAppend]) async -> StoreError?) { self.decide.withLock { $0 = decide } }

        func ids(of contact: String) async throws -> [MessageID] {
            let id = SpoolReplayTests.conversation(contact)
            let partition = Partition.ID(assistant: "suporte", number: id.partitionNumber(of: self.partitionCount))
            return try await self.store.next(partition, after: .start, limit: 10_000).map(\.message)
                .filter { $0.conversation == id }.map(\.id)
        }
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])

        var logger: Logger {
            Logger(label: "test") { label in
                LineLogHandler(label: label, level: Live(.info), format: .text) { line in
                    self.lines.withLock { $0.append(line) }
                }
            }
        }

        func count(_ text: String) -> Int { self.lines.withLock { $0.count { $0.contains(text) } } }
    }

    private static func spool(
        _ folder: TemporaryFolder, _ log: any PartitionLog, patience: Duration = .seconds(20), logger: Logger = Lines().logger
    ) throws -> MessageSpool {
        try MessageSpool(folder: folder.path, limit: 1 << 24, patience: patience, log: log, logger: logger)
    }

    private static func running(_ spool: MessageSpool, _ body: () async throws -> Void) async throws {
        let run = Task { try await spool.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        run.cancel()
        try await run.value
        try result.get()
    }

    private static func fill(_ spool: MessageSpool, _ numbers: Range<Int>, of contact: String) async throws {
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 100) {
            let some = start..<min(start + 100, numbers.upperBound)
            let outcomes = try await spool.append(some.map { Self.append($0, of: contact) })
            #expect(Set(outcomes) == [.spooled])
        }
    }

    /// A spool's file, as somebody else sees it.
    private static func edit<Value: Sendable>(
        _ folder: TemporaryFolder, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: "\(folder.path)/\(SpoolFile.fileName)", configuration: configuration)
        defer { try? queue.close() }
        return try await queue.write(body)
    }

    /// One shard of a cluster is down, the others answer: theirs are replayed, however many of its own stand before them, and
    /// its own follow in their order.
    @Test func aShardThatIsAwayKeepsOnlyItsOwn() async throws {
        let (folder, log) = (TemporaryFolder(), GuardedLog())
        let (lost, well) = (Self.contacts[0], Self.contacts[1])
        let spool = try Self.spool(folder, log)
        try await Self.running(spool) {
            try await Self.fill(spool, 0..<600, of: lost)
            try await Self.fill(spool, 0..<600, of: well)
            log.set { messages in messages.contains { $0.message.conversation == Self.conversation(lost) } ? Self.away : nil }
            try await Waiting.until("the others") { spool.contents.messages == 600 }
            #expect(try await log.ids(of: well) == (0..<600).map { MessageID("m\($0)") })
            #expect(log.store.unsettled == 600, "none of the lost shard's")
            // What comes now is still spooled, and passes.
            #expect(try await spool.append([Self.append(600, of: well), Self.append(600, of: lost)]) == [.spooled, .spooled])
            try await Waiting.until("the newcomer") { try await log.ids(of: well).count == 601 }
            try await Waiting.until("601 to be left") { spool.contents.messages == 601 }
            log.set { _ in nil }
            try await Waiting.until("an empty spool") { spool.contents.messages == 0 }
            for contact in [lost, well] {
                #expect(try await log.ids(of: contact) == (0...600).map { MessageID("m\($0)") })
            }
        }
        #expect(spool.contents.bytes == 0)
        spool.close()
    }

    /// A log that takes longer than anybody at the door would wait is replayed into all the same.
    @Test func aSlowLogIsNotGivenUp() async throws {
        let (folder, log) = (TemporaryFolder(), GuardedLog())
        let spool = try Self.spool(folder, log, patience: .milliseconds(10))
        try await Self.running(spool) {
            try await Self.fill(spool, 0..<50, of: "1")
            log.set { _ in
                try? await ContinuousClock().sleep(for: .milliseconds(100))
                return nil
            }
            try await Waiting.until("an empty spool") { spool.contents.messages == 0 }
        }
        #expect(try await log.ids(of: "1").count == 50)
        spool.close()
    }

    /// Whatever the log does, the process can end.
    @Test func aSilentLogDoesNotKeepItFromEnding() async throws {
        let (folder, log) = (TemporaryFolder(), GuardedLog())
        let spool = try Self.spool(folder, log)
        let run = Task { try await spool.run() }
        try await Self.fill(spool, 0..<1, of: "1")
        let (asked, isAsked) = AsyncStream<Void>.makeStream()
        let answer = FirstAnswer<StoreError?>()
        log.set { _ in
            isAsked.yield()
            return await answer.value()
        }
        for await _ in asked { break }
        run.cancel()
        try await run.value
        #expect(spool.contents.messages == 1)
        answer.give(Self.away)
        spool.close()
    }

    /// A log whose memory is full is asked again and again; somebody is told.
    @Test func aFullLogIsReported() async throws {
        let (folder, log, lines) = (TemporaryFolder(), GuardedLog(), Lines())
        let spool = try Self.spool(folder, log, logger: lines.logger)
        try await Self.running(spool) {
            try await Self.fill(spool, 0..<1, of: "1")
            log.set { _ in StoreError(.full, "no memory left") }
            let before = log.calls.withLock { $0 }
            try await Waiting.until("several attempts") { log.calls.withLock { $0 } > before + 3 }
            #expect(lines.count("no memory left") == 1)
            log.set { _ in nil }
            try await Waiting.until("an empty spool") { spool.contents.messages == 0 }
        }
        spool.close()
    }

    /// A disk too full to remove what has been replayed does not keep the straight way closed.
    @Test func whatCannotBeRemovedIsRemovedLater() async throws {
        let (folder, log, lines) = (TemporaryFolder(), GuardedLog(), Lines())
        let spool = try Self.spool(folder, log, logger: lines.logger)
        try await Self.running(spool) {
            try await Self.fill(spool, 0..<5, of: "1")
            try await Self.edit(folder) { db in
                try db.execute(
                    sql: "CREATE TRIGGER stays BEFORE DELETE ON messages BEGIN SELECT raise(ABORT, 'disk full'); END")
            }
            log.set { _ in nil }
            try await Waiting.until("the straight way") {
                try await spool.append([Self.append(Int.random(in: 10...1_000_000), of: "2")]) == [.appended("suporte")]
            }
            #expect(lines.count("disk full") == 1)
            let left = try await Self.edit(folder) { try Int.fetchOne($0, sql: "SELECT count(*) FROM messages") ?? 0 }
            #expect(left >= 5)
            try await Self.edit(folder) { try $0.execute(sql: "DROP TRIGGER stays") }
            try await Waiting.until("the removal") {
                try await Self.edit(folder) { try Int.fetchOne($0, sql: "SELECT count(*) FROM messages") } == 0
            }
        }
        #expect(try await log.ids(of: "1") == (0..<5).map { MessageID("m\($0)") }, "once")
        spool.close()
    }

    @Test func whatIsNoMessageIsSetAside() async throws {
        let (folder, log, lines) = (TemporaryFolder(), GuardedLog(), Lines())
        let before = try Self.spool(folder, log)
        try await Self.running(before) { try await Self.fill(before, 0..<5, of: "1") }
        before.close()
        try await Self.edit(folder) { db in
            try db.execute(
                sql:
                    "UPDATE messages SET message = CAST('no message' AS BLOB) WHERE number IN (SELECT number FROM messages LIMIT 2)"
            )
        }
        log.set { _ in nil }
        let spool = try Self.spool(folder, log, logger: lines.logger)
        try await Self.running(spool) {
            try await Waiting.until("an empty spool") { spool.contents.messages == 0 }
        }
        #expect(try await log.ids(of: "1") == (2..<5).map { MessageID("m\($0)") })
        #expect(lines.count("what is no message") == 1)
        let kept = try await Self.edit(folder) { db in
            try String.fetchAll(db, sql: "SELECT assistant || CAST(message AS TEXT) || (reason <> '') FROM rejected")
        }
        #expect(kept == ["suporteno message1", "suporteno message1"])
        spool.close()
    }
}
