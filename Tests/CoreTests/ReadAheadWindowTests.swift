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

    private static func offsets(_ numbers: ClosedRange<UInt64>) -> [LogOffset] { numbers.map { LogOffset(major: $0) } }

    @Test func readsWithinItsCredits() {
        var window = ReadAheadWindow(credits: 4, perConversation: 4)
        #expect(window.nextTail() == ReadAheadWindow.TailRead(after: .start, limit: 4))
        #expect(window.nextTail() == nil, "one read at a time")
        let entries = (1...4).map { Self.entry($0, "loja:\($0)") }
        #expect(window.tailArrived(entries) == entries)
        #expect(window.nextTail() == nil, "all credits are in use")
        window.finished("loja:1")
        #expect(window.nextTail() == ReadAheadWindow.TailRead(after: LogOffset(major: 4), limit: 1))
    }

    /// Conversations that wait for somebody else leave room for those behind them, up to a bound of their own.
    @Test func parkedConversationsUseUpNoCredits() {
        var window = ReadAheadWindow(credits: 4, perConversation: 4)
        _ = window.nextTail()
        _ = window.tailArrived((1...4).map { Self.entry($0, "loja:\($0)") })
        #expect(window.nextTail() == nil)
        for number in 1...4 { window.park(Conversation.ID("loja:\(number)"), true) }
        #expect(window.nextTail() == ReadAheadWindow.TailRead(after: LogOffset(major: 4), limit: 4))
        _ = window.tailArrived((5...8).map { Self.entry($0, "loja:\($0)") })
        #expect(window.nextTail() == nil)
        for number in 1...4 { window.finished(Conversation.ID("loja:\(number)")) }
        #expect(window.nextTail() == nil, "their end frees nothing that others could use")
        window.finished("loja:5")
        #expect(window.nextTail()?.limit == 1)
        #expect(window.inMemory == 3)
    }

    @Test func parkedConversationsAreBounded() {
        var window = ReadAheadWindow(credits: 2, perConversation: 4)
        var next = 1
        while let read = window.nextTail() {
            for entry in window.tailArrived((next..<next + read.limit).map({ Self.entry($0, "loja:\($0)") })) {
                window.park(entry.message.conversation, true)
            }
            next += read.limit
        }
        #expect(window.inMemory == 2 * (ReadAheadWindow.parkedFactor + 1))
        window.park("loja:1", false)
        #expect(window.nextTail() == nil)
    }

    private static func notice(_ offset: Int, _ notice: LogNotice) -> LogEntry {
        var message = Self.entry(offset, "loja:1").message
        message.details.notice = notice
        return LogEntry(offset: LogOffset(major: UInt64(offset)), message: message)
    }

    private static func moved(_ offset: Int, to hold: Int) -> LogEntry {
        var message = Self.entry(offset, "loja:1").message
        message.details.movedTo = LogOffset(major: UInt64(hold))
        return LogEntry(offset: LogOffset(major: UInt64(offset)), message: message)
    }

    /// Of a conversation that comes from another assistant, what is moved over comes first.
    @Test func aHoldKeepsWhatFollowsUntilItsRelease() {
        var window = ReadAheadWindow(credits: 8, perConversation: 4)
        _ = window.nextTail()
        let release = Self.notice(6, .release(hold: LogOffset(major: 1)))
        let entries = [Self.notice(1, .hold), Self.entry(2, "loja:1"), Self.entry(3, "loja:2"), Self.moved(4, to: 1), release]
        #expect(window.tailArrived(entries).map(\.offset.major) == [3, 4, 6])
        window.finished("loja:1")
        #expect(window.nextDeferred() == nil, "its release has not been reached")
        window.holdEnded("loja:1", at: LogOffset(major: 1))
        window.finished("loja:1")
        #expect(window.nextDeferred() == Self.offsets(2...2))
        _ = window.deferredArrived([Self.entry(2, "loja:1")])
        window.finished("loja:1")
        window.finished("loja:2")
        #expect(window.inMemory == 0 && window.deferredCount == 0)
    }

    /// A conversation that went and came back: what is moved over for the second stay waits until the first is over.
    @Test func staysComeOneAfterTheOther() {
        var window = ReadAheadWindow(credits: 8, perConversation: 4)
        _ = window.nextTail()
        let drain = Self.notice(2, .drain(LogDrain(to: "outro", hold: LogOffset(major: 1))))
        let entries = [Self.entry(1, "loja:1"), drain, Self.notice(3, .hold), Self.entry(4, "loja:1"), Self.moved(5, to: 3)]
        #expect(window.tailArrived(entries).map(\.offset.major) == [1, 2])
        window.finished("loja:1")
        #expect(window.nextDeferred() == nil, "the first stay's drain is still there")
        window.finished("loja:1")
        #expect(window.nextDeferred() == Self.offsets(5...5))
        _ = window.deferredArrived([Self.moved(5, to: 3)])
        window.finished("loja:1")
        #expect(window.nextDeferred() == nil)
        _ = window.nextTail()
        #expect(window.tailArrived([Self.notice(6, .release(hold: LogOffset(major: 3)))]).count == 1)
        window.holdEnded("loja:1", at: LogOffset(major: 3))
        window.finished("loja:1")
        #expect(window.nextDeferred() == Self.offsets(4...4))
    }

    @Test func whatIsMovedForAnUnknownHoldIsNotKept() {
        var window = ReadAheadWindow(credits: 8, perConversation: 4)
        _ = window.nextTail()
        #expect(window.tailArrived([Self.moved(5, to: 3), Self.entry(6, "loja:1")]).count == 2)
    }

    @Test func goesOnAfterNoticesToo() {
        var window = ReadAheadWindow(credits: 4, perConversation: 4)
        _ = window.nextTail()
        _ = window.tailArrived([], upTo: LogOffset(major: 7))
        #expect(window.nextTail() == ReadAheadWindow.TailRead(after: LogOffset(major: 7), limit: 4))
    }

    @Test func aNoisyConversationLeavesRoomForOthers() {
        var window = ReadAheadWindow(credits: 8, perConversation: 2)
        _ = window.nextTail()
        let noisy = (1...8).map { Self.entry($0, "loja:noisy") }
        #expect(window.tailArrived(noisy) == Array(noisy.prefix(2)))
        #expect(window.deferredCount == 6)
        #expect(window.nextTail() == ReadAheadWindow.TailRead(after: LogOffset(major: 8), limit: 6))
        #expect(window.nextDeferred() == nil, "its share is in use")
        window.finished("loja:noisy")
        #expect(window.nextDeferred() == Self.offsets(3...3), "also while new entries are waited for")
        let other = Self.entry(9, "loja:other")
        #expect(window.tailArrived([other]) == [other])
        #expect(window.deferredArrived([noisy[2]]) == [noisy[2]])
        window.finished("loja:noisy")
        #expect(window.nextDeferred() == Self.offsets(4...4))
    }

    /// What arrives while older entries of its conversation are being read again waits behind them.
    @Test func newEntriesDoNotOvertakeThoseBeingRead() {
        var window = ReadAheadWindow(credits: 8, perConversation: 2)
        _ = window.nextTail()
        let entries = (1...4).map { Self.entry($0, "loja:1") }
        _ = window.tailArrived(Array(entries.prefix(3)))
        _ = window.nextTail()
        window.finished("loja:1")
        #expect(window.nextDeferred() == Self.offsets(3...3))
        #expect(window.tailArrived([entries[3]]).isEmpty)
        #expect(window.deferredArrived([entries[2]]) == [entries[2]])
    }

    @Test func failedReadsAreAskedForAgain() {
        var window = ReadAheadWindow(credits: 2, perConversation: 1)
        _ = window.nextTail()
        window.tailFailed()
        #expect(window.nextTail() == ReadAheadWindow.TailRead(after: .start, limit: 2))
        _ = window.tailArrived([Self.entry(1, "loja:1"), Self.entry(2, "loja:1")])
        window.finished("loja:1")
        #expect(window.nextDeferred() == Self.offsets(2...2))
        window.deferredFailed()
        #expect(window.nextDeferred() == Self.offsets(2...2))
    }

    @Test func aHeldConversationStaysInTheLogUntilReleased() {
        var window = ReadAheadWindow(credits: 4, perConversation: 4)
        _ = window.nextTail()
        _ = window.tailArrived((1...3).map { Self.entry($0, "loja:1") })
        window.finished("loja:1")
        window.held("loja:1", returned: Self.offsets(2...3))
        #expect(window.inMemory == 0)
        _ = window.nextTail()
        #expect(window.tailArrived([Self.entry(4, "loja:1")]).isEmpty)
        window.released("loja:1")
        #expect(window.nextDeferred() == Self.offsets(2...4))
    }

    /// Held while older entries are still being read again: what is in flight stands after what comes back, before the rest.
    @Test(arguments: [true, false])
    func holdingDuringAReadKeepsTheOrder(_ isReleasedFirst: Bool) {
        var window = ReadAheadWindow(credits: 8, perConversation: 2)
        _ = window.nextTail()
        let entries = (1...5).map { Self.entry($0, "loja:1") }
        _ = window.tailArrived(entries)
        window.finished("loja:1")
        #expect(window.nextDeferred() == Self.offsets(3...3))
        window.held("loja:1", returned: Self.offsets(2...2))
        if isReleasedFirst { window.released("loja:1") }
        #expect(window.deferredArrived([entries[2]]).isEmpty)
        if !isReleasedFirst { window.released("loja:1") }
        #expect(window.nextDeferred() == Self.offsets(2...3))
        #expect(window.deferredCount == 2)
    }

    /// A model log, random arrivals, completions, holds, failures and other limits, reads that take their time: every message is delivered
    /// once, in order within its conversation, memory stays within its bounds, and in the end everything has been delivered.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func everythingIsDeliveredOnceInOrder(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var window = ReadAheadWindow(credits: 6, perConversation: 2)
        var log: [LogEntry] = []
        var inMemory: [LogEntry] = []
        var delivered: [Conversation.ID: [UInt64]] = [:]
        var held: Set<Conversation.ID> = []
        var tail: ReadAheadWindow.TailRead?
        var deferred: [LogOffset]?
        func deliver(_ entries: [LogEntry]) {
            inMemory += entries
            for entry in entries { delivered[entry.message.conversation, default: []].append(entry.offset.major) }
            #expect(window.inMemory == inMemory.count)
            #expect(inMemory.count <= 8 + 3)
        }
        func answer(within chance: Int) {
            tail = tail ?? window.nextTail()
            deferred = deferred ?? window.nextDeferred()
            if let read = tail, Int.random(in: 0..<chance, using: &generator) == 0 {
                let entries = Array(log.filter { $0.offset > read.after }.prefix(read.limit))
                tail = nil
                if entries.isEmpty { window.tailFailed() } else { deliver(window.tailArrived(entries)) }
            }
            if let offsets = deferred, Int.random(in: 0..<chance, using: &generator) == 0 {
                deferred = nil
                if Int.random(in: 0..<8, using: &generator) == 0 {
                    window.deferredFailed()
                } else {
                    deliver(window.deferredArrived(log.filter { offsets.contains($0.offset) }))
                }
            }
        }
        func finishOne() {
            guard let index = inMemory.indices.randomElement(using: &generator) else { return }
            let conversation = inMemory[index].message.conversation
            guard let first = inMemory.firstIndex(where: { $0.message.conversation == conversation }) else { return }
            inMemory.remove(at: first)
            window.finished(conversation)
        }
        for step in 1...200 {
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1:
                log.append(Self.entry(step, "loja:\(Int.random(in: 0..<4, using: &generator))"))
            case 2 where Int.random(in: 0..<6, using: &generator) == 0:
                let conversation = Conversation.ID("loja:\(Int.random(in: 0..<4, using: &generator))")
                if held.remove(conversation) != nil {
                    window.released(conversation)
                } else {
                    held.insert(conversation)
                    let own = inMemory.filter { $0.message.conversation == conversation }
                    inMemory.removeAll { $0.message.conversation == conversation }
                    delivered[conversation]?.removeLast(own.count)
                    window.held(conversation, returned: own.map(\.offset))
                }
            case 3 where Int.random(in: 0..<6, using: &generator) == 0:
                window.resized(
                    credits: Int.random(in: 1...8, using: &generator),
                    perConversation: Int.random(in: 1...3, using: &generator))
            default: finishOne()
            }
            answer(within: 3)
        }
        for conversation in held { window.released(conversation) }
        for _ in 0..<2_000 {
            finishOne()
            answer(within: 1)
        }
        for (conversation, offsets) in delivered {
            #expect(offsets == log.filter { $0.message.conversation == conversation }.map(\.offset.major))
        }
        #expect(delivered.values.reduce(0) { $0 + $1.count } == log.count)
    }
}
