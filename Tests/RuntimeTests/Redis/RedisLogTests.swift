import CardumeCore
import CardumeTesting
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import CardumeRuntime
@testable import CardumeTesting

/// The partition log on real servers: what it promises, and what it does when they fail.
@Suite(.timeLimit(.minutes(2))) struct RedisLogTests {
    private static let assistant: AssistantID = "suporte"

    /// Runs `body` with a log that runs on two event loops and has been started.
    private static func withLog<Value>(
        _ url: String, isCluster: Bool = false, assistants: [AssistantID] = [assistant, "financeiro", "comercial"],
        _ adjust: (inout RedisSettings) -> Void = { _ in }, partitions: Int = 64,
        report: @escaping @Sendable (RedisLink.Event) -> Void = { _ in },
        _ body: (RedisLog) async throws -> Value
    ) async throws -> Value {
        var settings = try RedisSettings(url: url, isCluster: isCluster)
        adjust(&settings)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var log = RedisLog.Settings(queues: assistants.map { QueueID($0) })
        log.partitionCount = partitions
        let redis = RedisLog(
            settings: log, connector: try RedisConnector(settings), eventLoops: Array(group.makeIterator()),
            report: report)
        let run = Task { await redis.run() }
        let result: Result<Value, any Error>
        do {
            _ = try await redis.start()
            result = .success(try await body(redis))
        } catch {
            result = .failure(error)
        }
        run.cancel()
        await run.value
        try await group.shutdownGracefully()
        return try result.get()
    }

    private static func append(
        _ id: String, from contact: Int = 1, to assistant: AssistantID = assistant, at milliseconds: Int64 = 1_795_176_000_000
    ) -> LogAppend {
        LogAppend(
            message: InboundMessage(
                id: MessageID(id), conversation: Conversation.ID("loja:\(contact)"), text: "mensagem \(id)",
                receivedAt: Timestamp(milliseconds: milliseconds), replyAddress: "\(contact)", traceID: ""),
            route: Route(assistant: assistant))
    }

    private static func place(_ outcome: AppendOutcome) throws -> (Partition.ID, LogOffset) {
        guard case .appended(let partition, let offset) = outcome else { throw ServerError("taken for a duplicate") }
        return (partition, offset)
    }

    private static func partition(of contact: Int, _ assistant: AssistantID = assistant) -> Partition.ID {
        Partition.ID(assistant: assistant, number: Conversation.ID("loja:\(contact)").partitionNumber(of: 64))
    }

    /// Returns when a reader waits in the server.
    private static func readerWaits(in server: RedisServer) async throws {
        try await Waiting.until("a blocked reader") { try await server.cli("INFO", "clients").contains("blocked_clients:1") }
    }

    private static func key(_ partition: Partition.ID) -> String {
        "cardume:{\(partition.number)}:log:\(partition.queue)"
    }

    // MARK: Promises

    @Test func oneServerKeepsThePromises() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            try await PartitionLogConformance(log) { Fence($0, Epoch(rawValue: 2)) }.run()
        }
    }

    @Test func aClusterKeepsThePromises() async throws {
        let cluster = try await RedisCluster.start()
        try await Self.withLog(cluster.url, isCluster: true) { log in
            try await PartitionLogConformance(log) { Fence($0, Epoch(rawValue: 2)) }.run()
            let outcomes = try await log.append((0..<100).map { Self.append("\($0)", from: $0) })
            let partitions = Set(try outcomes.map { try Self.place($0).0 })
            #expect(partitions.count > 30)
            var depths: [Int] = []
            for node in cluster.nodes {
                let keys = try await node.cli("KEYS", "*:log:*").split(separator: "\n")
                depths.append(keys.count)
            }
            #expect(depths.allSatisfy { $0 > 0 }, "one node has nothing: \(depths)")
        }
    }

    @Test func aClustersReadersFollowAFailover() async throws {
        let cluster = try await RedisCluster.start(hasReplicas: true)
        try await Self.withLog(cluster.url, isCluster: true) { log in
            let partition = Self.partition(of: 1)
            let slot = Int(RedisSlot(key: Self.key(partition)).number)
            let master = try await cluster.master(of: slot)
            let replica = try #require(try await cluster.replicas(of: master).first)
            async let waiting = log.next(partition, after: .start, limit: 10)
            try await cluster.failOver(to: replica)
            _ = try await Waiting.value(of: "the log") { try await log.append([Self.append("a")]) }
            #expect(try await waiting.map(\.message.id) == ["a"])
        }
    }

    /// Who waits sends nothing that could fail, and learns nevertheless that another server has its entries now.
    @Test func aReaderThatOnlyWaitsFollowsAnElection() async throws {
        let cluster = try await RedisCluster.start(hasReplicas: true)
        try await Self.withLog(cluster.url, isCluster: true) { log in
            let partition = Self.partition(of: 1)
            let master = try await cluster.master(of: Int(RedisSlot(key: Self.key(partition)).number))
            let replica = try #require(try await cluster.replicas(of: master).first)
            async let waiting = log.next(partition, after: .start, limit: 10)
            try await Self.readerWaits(in: master)
            try await master.kill9()
            try await Waiting.until("the replica to be promoted") {
                try await cluster.masters().contains { $0 === replica }
            }
            try await cluster.becomesHealthy()
            try await Self.withLog(replica.url, isCluster: true) { another in
                _ = try await Waiting.value(of: "the log") { try await another.append([Self.append("a")]) }
            }
            let begin = ContinuousClock.now
            #expect(try await waiting.map(\.message.id) == ["a"])
            // Without any reason, the cluster is looked at every 30 s.
            #expect(begin.duration(to: .now) < .seconds(15))
        }
    }

    /// A server without memory takes no messages, and all that removes them.
    @Test func fullMemoryIsDrained() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let (partition, offset) = try Self.place(try await log.append([Self.append("a")])[0])
            let (old, new) = (Fence(partition, Epoch(rawValue: 1)), Fence(partition, Epoch(rawValue: 2)))
            _ = try await log.open(old)
            try await server.cli("CONFIG", "SET", "maxmemory", "1")
            let refusal = await #expect(throws: StoreError.self) { try await log.append([Self.append("b")]) }
            #expect(refusal?.code == .full)
            #expect(try await log.open(new).latest == offset)
            let stale = await #expect(throws: StoreError.self) { try await log.settle([offset], old) }
            #expect(stale?.code == .fenced)
            let now = Timestamp(milliseconds: 1_795_176_000_000)
            let timer = ConversationTimer(
                conversation: Conversation.ID("loja:1"), replyAddress: "1", traceID: "",
                firing: ConversationTimer.Firing(rule: "follow_up", since: now, dueAt: now, contactWroteAt: now))
            try await log.set([timer], new)
            #expect(try await log.fire(dueBy: now, new) == nil)
            try await server.cli("DEL", "cardume:{\(partition.number)}:fence:suporte")
            try await log.settle([offset], new)
            #expect(try await log.next(partition, after: .start, limit: 10).count == 1, "the timer's message")
        }
    }

    /// What a turn gives away takes no more room than before.
    @Test func fullMemoryLetsConversationsGo() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let partition = Self.partition(of: 1)
            let fence = Fence(partition, Epoch(rawValue: 1))
            _ = try await log.append([Self.append("a"), Self.append("b")])
            _ = try await log.open(fence)
            let entries = try await log.next(partition, after: .start, limit: 10)
            try await server.cli("CONFIG", "SET", "maxmemory", "1")
            let turn = LogTransfer.Turn(entry: entries[0], fence: fence, isAnswered: false)
            let transfer = LogTransfer(
                of: Conversation.ID("loja:1"), to: "financeiro", after: turn, at: Timestamp(milliseconds: 1_795_176_000_000))
            guard case .draining(let drain, let offset) = try await log.transfer(transfer) else {
                throw ServerError("not given away")
            }
            try await log.move([entries[1].offset, offset], along: drain, fence)
            #expect(try await log.depth(of: partition) == 0)
            let moved = try await log.next(Self.partition(of: 1, "financeiro"), after: .start, limit: 10)
            #expect(moved.map(\.message.details.notice) == [.hold, nil, nil, .release(hold: drain.hold)])
            #expect(moved[1...2].map(\.message.id) == ["a", "b"])
        }
    }

    @Test func aLogOfAnotherShapeIsRefused() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { _ in }
        let error = await #expect(throws: StoreError.self) { try await Self.withLog(server.url, partitions: 32) { _ in } }
        #expect(error?.code == .incompatible)
        #expect(error?.message.contains("64 partitions") == true && error?.message.contains("32") == true)
    }

    @Test func aStaleOwnerSettlesNothing() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let (partition, offset) = try Self.place(try await log.append([Self.append("a")])[0])
            let (old, new) = (Fence(partition, Epoch(rawValue: 9)), Fence(partition, Epoch(rawValue: 10)))
            #expect(try await log.open(old).latest == offset)
            #expect(try await log.open(new).latest == offset)
            let stale = await #expect(throws: StoreError.self) { try await log.settle([offset], old) }
            #expect(stale?.code == .fenced)
            let late = await #expect(throws: StoreError.self) { try await log.open(old) }
            #expect(late?.code == .fenced)
            #expect(try await log.depth(of: partition) == 1)
            // The lease is kept elsewhere: a fence that Redis lost is no reason to stop.
            try await server.cli("DEL", "cardume:{\(partition.number)}:fence:suporte")
            try await log.settle([offset], new)
            #expect(try await log.depth(of: partition) == 0)
            let again = await #expect(throws: StoreError.self) { try await log.settle([offset], old) }
            #expect(again?.code == .fenced)
        }
    }

    @Test func manyMessagesAtOnceKeepTheirOrder() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            for round in 0..<3 {
                let messages = (0..<200).map { Self.append("\(round)-\($0)", from: $0 % 40) }
                let places = try (await log.append(messages)).map(Self.place)
                #expect(Set(places.map(\.0)).count > 20)
                #expect(try await log.append(messages) == Array(repeating: .duplicate, count: 200))
                for contact in 0..<40 {
                    let offsets = (0..<200).filter { $0 % 40 == contact }.map { places[$0].1 }
                    #expect(offsets == offsets.sorted() && Set(offsets).count == 5)
                }
            }
            for contact in 0..<40 {
                let entries = try await log.next(Self.partition(of: contact), after: .start, limit: 500)
                let own = entries.filter { $0.message.conversation == Conversation.ID("loja:\(contact)") }
                let expected = (0..<3).flatMap { round in
                    (0..<200).filter { $0 % 40 == contact }.map { MessageID("\(round)-\($0)") }
                }
                #expect(own.map(\.message.id) == expected)
            }
        }
    }

    @Test func whoHoldsAConversationNeedNotBeKnown() async throws {
        let server = try await RedisServer.start()
        let first = try await Self.withLog(server.url) { log in
            try Self.place(try await log.append([Self.append("a", to: "financeiro")])[0])
        }
        #expect(first.0.queue == "financeiro")
        try await Self.withLog(server.url, assistants: [Self.assistant]) { log in
            // Five of them in one call, three of which another assistant holds.
            let outcomes = try await log.append([
                Self.append("b"), Self.append("b2", from: 2), Self.append("c"), Self.append("c2", from: 2), Self.append("d"),
            ])
            let places = try outcomes.map(Self.place)
            #expect(places.map(\.0.queue) == ["financeiro", "suporte", "financeiro", "suporte", "financeiro"])
            let entries = try await log.next(first.0, after: .start, limit: 10)
            #expect(entries.map(\.message.id) == ["a", "b", "c", "d"])
            // Nobody serves it: once all is settled, somebody else takes the conversation.
            try await log.settle(entries.map(\.offset), Fence(first.0, Epoch(rawValue: 1)))
            let next = try Self.place(try await log.append([Self.append("e")])[0])
            #expect(next.0 == Self.partition(of: 1))
        }
    }

    // MARK: Readers

    @Test func entriesOfOthersArePassedOver() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let partition = Self.partition(of: 1)
            for _ in 0..<3 { try await server.cli("XADD", Self.key(partition), "*", "lixo", "sim") }
            let offset = try Self.place(try await log.append([Self.append("a")])[0]).1
            #expect(try await log.next(partition, after: .start, limit: 2).map(\.message.id) == ["a"])
            async let waiting = log.next(partition, after: offset, limit: 2)
            for _ in 0..<70 { try await server.cli("XADD", Self.key(partition), "*", "lixo", "sim") }
            let later = try Self.place(try await log.append([Self.append("b")])[0]).1
            #expect(try await waiting.map(\.message.id) == ["b"])
            try await log.settle([offset, later], Fence(partition, Epoch(rawValue: 1)))
            #expect(try await log.depth(of: partition) == 73, "they stay, and are counted")
        }
    }

    @Test func aReaderOutlivesItsServer() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let partition = Self.partition(of: 1)
            let first = try Self.place(try await log.append([Self.append("a")])[0])
            async let waiting = log.next(partition, after: first.1, limit: 10)
            try await Self.readerWaits(in: server)
            try await server.kill9()
            let refused = await #expect(throws: StoreError.self) { try await log.append([Self.append("b")]) }
            #expect(refused?.code == .unavailable)
            try await server.restart()
            _ = try await Waiting.value(of: "the log") { try await log.append([Self.append("b")]) }
            #expect(try await waiting.map(\.message.id) == ["b"])
            #expect(try await log.append([Self.append("a")]) == [.duplicate], "it remembers what it had")
            #expect(try await log.depth(of: partition) == 2)
        }
    }

    @Test func aReaderOutlivesItsData() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let partition = Self.partition(of: 1)
            let first = try Self.place(try await log.append([Self.append("a")])[0])
            async let waiting = log.next(partition, after: first.1, limit: 10)
            try await Self.readerWaits(in: server)
            let life = try await log.check()
            #expect(try await log.check() == life)
            try await server.cli("FLUSHALL")
            #expect(try await log.check() != life, "owners would not read from the start")
            #expect(try await log.depth(of: partition) == 0)
            _ = try await log.append([Self.append("b")])
            #expect(try await waiting.map(\.message.id) == ["b"])
        }
    }

    /// The link is cut without a word while a read waits: no end, no reset.
    @Test func aCutLinkIsNoticed() async throws {
        let server = try await RedisServer.start()
        let proxy = try await FaultyProxy.start(to: server.port)
        let silent = Atomic(0)
        try await Self.withLog("redis://127.0.0.1:\(proxy.port)", { $0.replyDeadline = .milliseconds(500) }) {
            if case .lost(_, let error) = $0, error.code == .timedOut { silent.add(1, ordering: .relaxed) }
        } _: { log in
            let partition = Self.partition(of: 1)
            let reader = Task { try await log.next(partition, after: .start, limit: 10) }
            try await Self.readerWaits(in: server)
            try await proxy.set(.stall)
            let begin = ContinuousClock.now
            let error = await #expect(throws: StoreError.self) { try await log.append([Self.append("a")]) }
            #expect(error?.code == .unavailable)
            try await Waiting.until("the append's link to be given up") { silent.load(ordering: .relaxed) >= 1 }
            try await Self.withLog(server.url) { _ = try await $0.append([Self.append("b")]) }
            try await Waiting.until("the read's link to be given up") { silent.load(ordering: .relaxed) >= 2 }
            #expect(begin.duration(to: .now) < .seconds(12))
            try await proxy.set(.pass)
            #expect(try await reader.value.map(\.message.id).contains("b"))
        }
    }

    /// A read that blocks for seconds must not make those wait who come after it began.
    @Test func whoComesDuringAReadIsServedAtOnce() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let contacts = (0..<300).filter { Self.partition(of: $0).number % 2 == 0 }
            let early = Self.partition(of: contacts[0])
            let reader = Task { try await log.next(early, after: .start, limit: 10) }
            var seen = Set([early])
            var slowest = Duration.zero
            for contact in contacts where seen.insert(Self.partition(of: contact)).inserted {
                let partition = Self.partition(of: contact)
                let after = LogOffset(major: 1)
                async let entries = log.next(partition, after: after, limit: 10)
                let begin = ContinuousClock.now
                _ = try await log.append([Self.append("a", from: contact)])
                #expect(try await entries.count == 1)
                slowest = max(slowest, begin.duration(to: .now))
            }
            #expect(seen.count == 32)
            #expect(slowest < .seconds(3), "it waited for another read's end")
            reader.cancel()
            #expect(try await reader.value.isEmpty)
        }
    }

    @Test func manyPartitionsWaitAtOnce() async throws {
        let server = try await RedisServer.start()
        try await Self.withLog(server.url) { log in
            let received = Received()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        let partition = Partition.ID(assistant: Self.assistant, number: number)
                        var cursor = LogOffset.start
                        while !Task.isCancelled {
                            let entries = try await log.next(partition, after: cursor, limit: 16)
                            received.add(entries, from: number)
                            cursor = entries.last?.offset ?? cursor
                        }
                    }
                }
                for round in 0..<50 {
                    _ = try await log.append((0..<40).map { Self.append("\(round)-\($0)", from: $0) })
                }
                try await Waiting.until("all messages to be read") {
                    received.count == 2_000
                }
                group.cancelAll()
            }
            for contact in 0..<40 {
                let own = received.ids(from: Self.partition(of: contact).number).filter { $0.rawValue.hasSuffix("-\(contact)") }
                #expect(own == (0..<50).map { MessageID("\($0)-\(contact)") })
            }
        }
    }
}

/// What readers have read.
private final class Received: Sendable {
    private let ids = Mutex<[Int: [MessageID]]>([:])

    var count: Int { self.ids.withLock { $0.values.reduce(0) { $0 + $1.count } } }

    func add(_ entries: [LogEntry], from number: Int) {
        self.ids.withLock { $0[number, default: []] += entries.map(\.message.id) }
    }

    func ids(from number: Int) -> [MessageID] { self.ids.withLock { $0[number, default: []] } }
}
