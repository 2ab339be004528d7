import CardumeCore
import CardumeTesting
import Foundation
import Testing

/// Dead letters that run again: where they stand in their conversation, one decision at a time.
@Suite struct MessageReplayTests {
    private static func entry(_ number: Int, replay: MessageReplay? = nil) -> LogEntry {
        LogEntry(
            offset: LogOffset(major: UInt64(number)),
            message: InboundMessage(
                id: MessageID("m\(number)"), conversation: "loja:1", text: "oi", receivedAt: Timestamp(milliseconds: 0),
                replyAddress: "1", traceID: "", details: InboundMessage.Details(replay: replay)))
    }

    private static func item(_ number: Int, replay: MessageReplay? = nil) -> ConversationMachine.Item {
        ConversationMachine.Item(entry: Self.entry(number, replay: replay))
    }

    private static let replay = MessageReplay(number: 1)
    private static let at = Moment(wallTime: Timestamp(milliseconds: 0), uptime: .zero)

    private static func machine(_ policy: TurnPolicy = TurnPolicy(), attempts: Int = 3) -> ConversationMachine {
        ConversationMachine(
            ConversationRules(retry: RetryPolicy(maximumAttempts: attempts), onDeadLetter: .hold, turns: policy))
    }

    private static func finish(_ machine: inout ConversationMachine) {
        _ = machine.begin()
        _ = machine.answered(at: Self.at.wallTime, isReply: true)
        _ = machine.finished()
    }

    @Test func itGoesBeforeWhatWaitsAndAfterWhatHasBegun() {
        var machine = Self.machine()
        for number in 1...3 { _ = machine.received(Self.item(number), at: Self.at) }
        #expect(machine.next(at: Self.at) == .run(Self.item(1), attempt: 1))
        _ = machine.begin()
        _ = machine.received(Self.item(4, replay: Self.replay), at: Self.at)
        _ = machine.received(Self.item(5, replay: Self.replay), at: Self.at)
        _ = machine.answered(at: Self.at.wallTime, isReply: true)
        _ = machine.finished()
        var order: [UInt64] = []
        while case .run(let item, _) = machine.next(at: Self.at) {
            order.append(item.entry.offset.major)
            Self.finish(&machine)
        }
        #expect(order == [4, 5, 2, 3])
    }

    @Test func whatIsBeingRetriedStaysFirst() {
        var machine = Self.machine()
        var generator = SystemRandomNumberGenerator()
        _ = machine.received(Self.item(1), at: Self.at)
        _ = machine.next(at: Self.at)
        _ = machine.begin()
        _ = machine.failed(TurnFailure(category: .timeout, message: "", isRetryable: true), using: &generator)
        _ = machine.received(Self.item(2, replay: Self.replay), at: Self.at)
        #expect(machine.next(at: Self.at) == .run(Self.item(1), attempt: 2))
    }

    @Test func aHeldConversationRunsItAndNothingElse() {
        var machine = Self.machine()
        machine.wasFoundHeld()
        let replayed = Self.item(3, replay: Self.replay)
        #expect(machine.received(Self.item(1), at: Self.at) == .begins)
        for item in [Self.item(2), replayed] { _ = machine.received(item, at: Self.at) }
        #expect(machine.next(at: Self.at) == .giveBack([LogOffset(major: 1), LogOffset(major: 2)]))
        #expect(machine.next(at: Self.at) == .run(replayed, attempt: 1))
        Self.finish(&machine)
        #expect(machine.next(at: Self.at) == .rest && machine.isIdle && machine.isHeld)
    }

    /// An operator may hold a conversation between two attempts: the next turn's count begins anew.
    @Test func whatIsGivenBackTakesItsAttemptsAlong() {
        var machine = Self.machine()
        var generator = SystemRandomNumberGenerator()
        _ = machine.received(Self.item(1), at: Self.at)
        _ = machine.next(at: Self.at)
        _ = machine.begin()
        _ = machine.failed(TurnFailure(category: .timeout, message: "", isRetryable: true), using: &generator)
        machine.wasFoundHeld()
        let replayed = Self.item(2, replay: Self.replay)
        _ = machine.received(replayed, at: Self.at)
        #expect(machine.next(at: Self.at) == .giveBack([LogOffset(major: 1)]))
        #expect(machine.next(at: Self.at) == .run(replayed, attempt: 1))
    }

    @Test func itIsATurnOfItsOwn() {
        let policy = TurnPolicy(debounce: TurnPolicy.Debounce(maximumMessages: 5), onNewMessage: .supersede)
        var machine = Self.machine(policy)
        let replayed = Self.item(1, replay: Self.replay)
        _ = machine.received(replayed, at: Self.at)
        #expect(machine.next(at: Self.at) == .run(replayed, attempt: 1))
        #expect(machine.begin() == [])
        #expect(machine.received(Self.item(2), at: Self.at) == .queued, "a newer message does not supersede it")
        _ = machine.answered(at: Self.at.wallTime, isReply: true)
        #expect(machine.finished() == (replayed.entry, true))
        #expect(machine.next(at: Self.at) == .run(Self.item(2), attempt: 1))
    }

    @Test func aSingleAttemptIsOne() {
        var generator = SystemRandomNumberGenerator()
        let failure = TurnFailure(category: .timeout, message: "", isRetryable: true)
        for isSingle in [true, false] {
            var machine = Self.machine()
            _ = machine.received(Self.item(1, replay: MessageReplay(number: 1, isSingleAttempt: isSingle)), at: Self.at)
            _ = machine.next(at: Self.at)
            _ = machine.begin()
            let step = machine.failed(failure, using: &generator)
            if case .deadLetter(attempts: 1, holdsConversation: true) = step { #expect(isSingle) } else { #expect(!isSingle) }
        }
    }

    /// However much is left in the log, and held besides.
    @Test func theWindowDeliversItAtOnce() {
        var window = ReadAheadWindow(credits: 8, perConversation: 2)
        _ = window.nextTail()
        let entries = (1...4).map { Self.entry($0) } + [Self.entry(5, replay: Self.replay)]
        #expect(window.tailArrived(entries).map(\.offset.major) == [1, 2, 5])
        window.held("loja:1", returned: [LogOffset(major: 1), LogOffset(major: 2)])
        #expect(window.inMemory == 1 && window.nextDeferred() == nil)
        window.finished("loja:1")
        _ = window.nextTail()
        #expect(window.tailArrived([Self.entry(6), Self.entry(7, replay: Self.replay)]).map(\.offset.major) == [7])
        window.finished("loja:1")
        window.released("loja:1")
        #expect(window.nextDeferred() == [LogOffset(major: 1), LogOffset(major: 2)])
    }

    @Test func itGoesBackAsItCameButForItsTimeAndItsWay() throws {
        var message = Self.entry(1).message
        message.details.movedTo = LogOffset(major: 9)
        message.details.transfers = 2
        message.details.quotedMessageID = "q"
        let now = Timestamp(milliseconds: 77)
        let replayed = message.replayed(MessageReplay(number: 3, isSingleAttempt: true), at: now)
        #expect(replayed.receivedAt == now && replayed.id == message.id && replayed.text == message.text)
        #expect(replayed.details.movedTo == nil && replayed.details.transfers == nil)
        #expect(replayed.details.quotedMessageID == "q" && replayed.replay?.number == 3)
        let json = try JSONEncoder().encode(replayed)
        #expect(try JSONDecoder().decode(InboundMessage.self, from: json) == replayed)
    }
}
