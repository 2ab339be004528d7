import CardumeCore
import CardumeTesting
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import CardumeRuntime

@Suite(.timeLimit(.minutes(1))) struct MessageSpoolTests {
    private static let away = StoreError(.unavailable, "away")

    private static func append(_ number: Int, of contact: String = "1", text: String = "oi") -> LogAppend {
        var message = InboundMessage(
            id: MessageID("m\(number)"), conversation: Conversation.ID(channel: "loja", contact: ContactID(contact)),
            text: text, sentAt: 1_795_176_000, receivedAt: Timestamp(milliseconds: 1_795_176_000_000 + Int64(number)),
            contactName: "Marina", replyAddress: "\(contact)@s.whatsapp.net", traceID: "0af7651916cd43dd8448eb211c80319c")
        message.details.quotedMessageID = "q\(number)"
        return LogAppend(message: message, route: Route(assistant: "suporte", isChosen: number.isMultiple(of: 2)))
    }

    private static func spool(
        _ folder: TemporaryFolder, _ log: any PartitionLog, limit: Int = 1 << 20, patience: Duration = .seconds(20),
        prepare: @escaping @Sendable () async throws -> Void = {}
    ) throws -> MessageSpool {
        try MessageSpool(
            folder: folder.path, limit: limit, patience: patience, log: log,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            prepare: prepare)
    }

    private static func running(_ spool: MessageSpool, _ body: () async throws -> Void) async throws {
        let run = Task { try await spool.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        run.cancel()
        try await run.value
        try result.get()
    }

    private static func empty(_ spool: MessageSpool) async throws {
        try await Waiting.until("an empty spool") { spool.contents.messages == 0 }
    }

    private static func entries(_ store: MemoryStore, of contact: String = "1") async throws -> [InboundMessage] {
        let id = Conversation.ID(channel: "loja", contact: ContactID(contact))
        let partition = Partition.ID(assistant: "suporte", number: id.partitionNumber(of: store.partitionCount))
        return try await store.next(partition, after: .start, limit: 1_000).map(\.message).filter { $0.conversation == id }
    }

    @Test func whatArrivesWhileTheLogIsAwayComesLaterWholeAndInOrder() async throws {
        let (folder, store) = (TemporaryFolder(), MemoryStore())
        let spool = try Self.spool(folder, store)
        try await Self.running(spool) {
            #expect(try await spool.append([Self.append(0)]) == [.appended("suporte")])
            store.fail(with: Self.away)
            for number in 1..<20 { #expect(try await spool.append([Self.append(number)]) == [.spooled]) }
            #expect(try await spool.append([Self.append(0)]) == [.spooled], "nobody knows that it was seen before")
            #expect(spool.contents.messages == 20)
            store.fail(with: nil)
            try await Self.empty(spool)
            #expect(spool.contents.bytes == 0)
            let entries = try await Self.entries(store)
            #expect(entries.map(\.id) == (0..<20).map { MessageID("m\($0)") })
            #expect(
                entries.map(\.details.quotedMessageID) == (0..<20).map { "q\($0)" }
                    && entries.map(\.receivedAt) == (0..<20).map { Timestamp(milliseconds: 1_795_176_000_000 + Int64($0)) })
            try await Waiting.until("the straight way") {
                try await spool.append([Self.append(Int.random(in: 1_000...1_000_000))]) == [.appended("suporte")]
            }
        }
        spool.close()
    }

    @Test func itSurvivesItsProcess() async throws {
        let (folder, store) = (TemporaryFolder(), MemoryStore())
        store.fail(with: Self.away)
        do {
            let spool = try Self.spool(folder, store)
            try await Self.running(spool) {
                for number in 0..<5 { _ = try await spool.append([Self.append(number, text: "a\u{0}b")]) }
            }
            // Neither closed nor drained, as after a crash; a folder has one owner at a time.
            #expect { try Self.spool(folder, store) } throws: { ($0 as? StoreError)?.code == .locked }
        }
        let spool = try Self.spool(folder, store)
        #expect(spool.contents.messages == 5)
        try await Self.running(spool) {
            for number in 5..<8 { #expect(try await spool.append([Self.append(number)]) == [.spooled], "behind the others") }
            store.fail(with: nil)
            try await Self.empty(spool)
        }
        let entries = try await Self.entries(store)
        #expect(entries.map(\.id) == (0..<8).map { MessageID("m\($0)") })
        #expect(entries[0].text == "a\u{0}b")
        spool.close()
    }

    @Test func aLogThatRefusesIsNotAway() async throws {
        let (folder, store) = (TemporaryFolder(), MemoryStore())
        let spool = try Self.spool(folder, store)
        try await Self.running(spool) {
            for code in [StoreError.Code.full, .incompatible] {
                store.fail(with: StoreError(code, "no"))
                await #expect { try await spool.append([Self.append(1)]) } throws: { ($0 as? StoreError)?.code == code }
            }
            #expect(spool.contents.messages == 0)
        }
        spool.close()
    }

    @Test func aFullSpoolRefuses() async throws {
        let (folder, store) = (TemporaryFolder(), MemoryStore())
        let spool = try Self.spool(folder, store, limit: 10_000)
        try await Self.running(spool) {
            store.fail(with: Self.away)
            var accepted = 0
            await #expect {
                while accepted < 1_000 {
                    _ = try await spool.append([Self.append(accepted)])
                    accepted += 1
                }
            } throws: { ($0 as? StoreError)?.code == .full }
            #expect((10..<50).contains(accepted), "\(accepted)")
            #expect(spool.contents.bytes <= 10_000)
            store.fail(with: nil)
            try await Self.empty(spool)
            #expect(try await Self.entries(store).count == accepted)
        }
        spool.close()
    }

    /// Many senders, a log that comes and goes: each conversation's messages in the order in which they were accepted.
    @Test func comingsAndGoingsKeepEveryOrder() async throws {
        let (folder, store) = (TemporaryFolder(), MemoryStore())
        let spool = try Self.spool(folder, store)
        try await Self.running(spool) {
            let spooled = try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask {
                    for _ in 0..<12 {
                        try await ContinuousClock().sleep(for: .milliseconds(30))
                        store.fail(with: Self.away)
                        try await ContinuousClock().sleep(for: .milliseconds(30))
                        store.fail(with: nil)
                        try await ContinuousClock().sleep(for: .milliseconds(300))
                    }
                    return 0
                }
                for contact in 1...8 {
                    group.addTask {
                        var spooled = 0
                        for number in 0..<300 {
                            let outcome = try await spool.append([Self.append(number, of: "\(contact)")])
                            if outcome == [.spooled] { spooled += 1 }
                            try await ContinuousClock().sleep(for: .milliseconds(5))
                        }
                        return spooled
                    }
                }
                return try await group.reduce(0, +)
            }
            try await Self.empty(spool)
            for contact in 1...8 {
                let ids = try await Self.entries(store, of: "\(contact)").map(\.id)
                #expect(ids == (0..<300).map { MessageID("m\($0)") })
            }
            print("spool: \(spooled) of 2,400 messages went over the disk, all in order")
            #expect(spooled > 100)
        }
        spool.close()
    }

    /// A log that does not answer until it is told to; what it was asked is done then.
    private final class SlowLog: ForwardingLog {
        let store: MemoryStore
        let isStuck = Mutex(false)

        init(_ store: MemoryStore) { self.store = store }

        var log: any PartitionLog { self.store }

        func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
            while self.isStuck.withLock({ $0 }), !Task.isCancelled { try? await ContinuousClock().sleep(for: .milliseconds(5)) }
            return try await self.store.append(messages)
        }
    }

    /// Those who wait are told within the patience, and what the log does late is done once.
    @Test func nobodyWaitsForASilentLog() async throws {
        let (folder, store) = (TemporaryFolder(), MemoryStore())
        let log = SlowLog(store)
        let spool = try Self.spool(folder, log, patience: .milliseconds(100))
        try await Self.running(spool) {
            #expect(try await spool.append([Self.append(0)]) == [.appended("suporte")])
            log.isStuck.withLock { $0 = true }
            for number in 1..<5 { #expect(try await spool.append([Self.append(number)]) == [.spooled]) }
            log.isStuck.withLock { $0 = false }
            try await Self.empty(spool)
            #expect(try await Self.entries(store).map(\.id) == (0..<5).map { MessageID("m\($0)") })
        }
        spool.close()
    }

    /// Nothing is appended to a log that nobody has looked at.
    @Test func aLogIsLookedAtFirst() async throws {
        let (folder, store) = (TemporaryFolder(), MemoryStore())
        let isThere = Mutex(false)
        let spool = try Self.spool(folder, store) { if !isThere.withLock({ $0 }) { throw Self.away } }
        try await Self.running(spool) {
            #expect(try await spool.append([Self.append(0)]) == [.spooled])
            #expect(store.unsettled == 0)
            isThere.withLock { $0 = true }
            try await Self.empty(spool)
            #expect(store.unsettled == 1)
        }
        spool.close()
        let wrong = try Self.spool(folder, store) { throw StoreError(.incompatible, "64 partitions") }
        await #expect { try await wrong.run() } throws: { ($0 as? StoreError)?.code == .incompatible }
        #expect(try await wrong.append([Self.append(1)]) == [.spooled], "nobody is kept waiting")
        wrong.close()
    }
}
