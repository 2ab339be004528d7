import CardumeCore
import CardumeTesting
import Testing

@Suite struct ReadAheadWindowTests {
    private static func entry(_ offset: Int, _ conversation: String) -> LogEntry {
        LogEntry(
            offset: LogOffset(major: UInt64(offset)),
            message: InboundMessage(
                id: MessageID("m\(offset)"), conversation: Conversation.ID(conversation), text: nil,
                receivedAt: Timestamp(milliseconds: 0), replyAddress: "", traceID: ""))
    }

    @Test func readsWithinItsCredits() {
        var window = ReadAheadWindow(credits: 4, perConversation: 4)
        #expect(window.next() == .tail(after: .start, limit: 4))
        #expect(window.rang() == .none, "one read at a time")
        let entries = (1...4).map { Self.entry($0, "loja:\($0)") }
        #expect(window.tailArrived(entries) == entries)
        #expect(window.next() == .none, "all credits are in use")
        #expect(window.finished("loja:1") == .tail(after: LogOffset(major: 4), limit: 1))
    }

    @Test func restsWhenTheLogIsReadToItsEnd() {
        var window = ReadAheadWindow(credits: 4, perConversation: 4)
        _ = window.next()
        _ = window.tailArrived([Self.entry(1, "loja:1")])
        #expect(window.next() == .none)
        #expect(window.finished("loja:1") == .none)
        #expect(window.rang() == .tail(after: LogOffset(major: 1), limit: 4))
    }

    @Test func aNoisyConversationLeavesRoomForOthers() {
        var window = ReadAheadWindow(credits: 8, perConversation: 2)
        _ = window.next()
        let noisy = (1...8).map { Self.entry($0, "loja:noisy") }
        #expect(window.tailArrived(noisy) == Array(noisy.prefix(2)))
        #expect(window.deferredCount == 6)
        #expect(window.next() == .tail(after: LogOffset(major: 8), limit: 6))
        let other = Self.entry(9, "loja:other")
        #expect(window.tailArrived([other]) == [other])
        #expect(window.finished("loja:noisy") == .deferred([LogOffset(major: 3)]))
        #expect(window.deferredArrived([noisy[2]]) == [noisy[2]])
        #expect(window.finished("loja:noisy") == .deferred([LogOffset(major: 4)]))
    }

    @Test func failedReadsAreAskedForAgain() {
        var window = ReadAheadWindow(credits: 2, perConversation: 1)
        _ = window.next()
        window.readFailed()
        #expect(window.next() == .tail(after: .start, limit: 2))
        _ = window.tailArrived([Self.entry(1, "loja:1"), Self.entry(2, "loja:1")])
        _ = window.next()
        _ = window.tailArrived([])
        #expect(window.finished("loja:1") == .deferred([LogOffset(major: 2)]))
        window.readFailed()
        #expect(window.next() == .deferred([LogOffset(major: 2)]))
    }

    @Test func aHeldConversationStaysInTheLogUntilReleased() {
        var window = ReadAheadWindow(credits: 4, perConversation: 4)
        _ = window.next()
        _ = window.tailArrived((1...3).map { Self.entry($0, "loja:1") })
        _ = window.finished("loja:1")
        _ = window.held("loja:1", returned: [LogOffset(major: 2), LogOffset(major: 3)])
        #expect(window.inMemory == 0)
        _ = window.rang()
        #expect(window.tailArrived([Self.entry(4, "loja:1")]).isEmpty)
        #expect(window.released("loja:1") == .deferred((2...4).map { LogOffset(major: $0) }))
    }

    /// Held while older entries are still being read again: what is in flight stands after what comes back, before the rest.
    @Test(arguments: [true, false])
    func holdingDuringAReadKeepsTheOrder(_ isReleasedFirst: Bool) {
        var window = ReadAheadWindow(credits: 8, perConversation: 2)
        _ = window.next()
        let entries = (1...5).map { Self.entry($0, "loja:1") }
        _ = window.tailArrived(entries)
        #expect(window.next() == .none)
        #expect(window.finished("loja:1") == .deferred([LogOffset(major: 3)]))
        #expect(window.held("loja:1", returned: [LogOffset(major: 2)]) == .none)
        if isReleasedFirst { #expect(window.released("loja:1") == .none) }
        #expect(window.deferredArrived([entries[2]]).isEmpty)
        let next = isReleasedFirst ? window.next() : window.released("loja:1")
        #expect(next == .deferred([LogOffset(major: 2), LogOffset(major: 3)]))
        #expect(window.deferredCount == 2)
    }

    /// A model log, random arrivals, completions, holds and failures: every message is delivered once, in order within its
    /// conversation, memory stays within its bounds, and in the end everything has been delivered.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func everythingIsDeliveredOnceInOrder(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var window = ReadAheadWindow(credits: 6, perConversation: 2)
        var log: [LogEntry] = []
        var inMemory: [LogEntry] = []
        var delivered: [Conversation.ID: [UInt64]] = [:]
        var held: Set<Conversation.ID> = []
        var request = window.next()
        func answer() {
            while request != .none {
                if Int.random(in: 0..<8, using: &generator) == 0 {
                    window.readFailed()
                } else if case .tail(let after, let limit) = request {
                    deliver(window.tailArrived(Array(log.filter { $0.offset > after }.prefix(limit))))
                } else if case .deferred(let offsets) = request {
                    deliver(window.deferredArrived(log.filter { offsets.contains($0.offset) }))
                }
                request = window.next()
            }
        }
        func deliver(_ entries: [LogEntry]) {
            inMemory += entries
            for entry in entries { delivered[entry.message.conversation, default: []].append(entry.offset.major) }
            #expect(window.inMemory == inMemory.count)
            #expect(inMemory.count <= 6 + 1)
        }
        func finishOne() {
            guard let index = inMemory.indices.randomElement(using: &generator) else { return }
            let conversation = inMemory[index].message.conversation
            guard let first = inMemory.firstIndex(where: { $0.message.conversation == conversation }) else { return }
            inMemory.remove(at: first)
            let next = window.finished(conversation)
            if next != .none { request = next }
        }
        for step in 1...200 {
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1:
                log.append(Self.entry(step, "loja:\(Int.random(in: 0..<4, using: &generator))"))
                let next = window.rang()
                if next != .none { request = next }
            case 2 where Int.random(in: 0..<6, using: &generator) == 0:
                let conversation = Conversation.ID("loja:\(Int.random(in: 0..<4, using: &generator))")
                if held.remove(conversation) != nil {
                    let next = window.released(conversation)
                    if next != .none { request = next }
                } else {
                    held.insert(conversation)
                    let own = inMemory.filter { $0.message.conversation == conversation }
                    inMemory.removeAll { $0.message.conversation == conversation }
                    delivered[conversation]?.removeLast(own.count)
                    let next = window.held(conversation, returned: own.map(\.offset))
                    if next != .none { request = next }
                }
            default: finishOne()
            }
            answer()
        }
        for conversation in held {
            let next = window.released(conversation)
            if next != .none { request = next }
            answer()
        }
        while !inMemory.isEmpty {
            finishOne()
            answer()
        }
        for (conversation, offsets) in delivered {
            #expect(offsets == log.filter { $0.message.conversation == conversation }.map(\.offset.major))
        }
        #expect(delivered.values.reduce(0) { $0 + $1.count } == log.count)
    }
}
