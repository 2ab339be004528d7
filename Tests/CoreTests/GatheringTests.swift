import CardumeCore
import CardumeTesting
import Testing

/// Bursts, newer messages and late replies, one decision at a time.
@Suite struct GatheringTests {
    private static let policy = TurnPolicy(
        debounce: TurnPolicy.Debounce(wait: .seconds(2), maximumWait: .seconds(5), maximumMessages: 3))
    private static let superseding = TurnPolicy(
        debounce: TurnPolicy.Debounce(maximumMessages: 3), onNewMessage: .supersede)

    private static func machine(_ policy: TurnPolicy) -> ConversationMachine {
        ConversationMachine(ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue, turns: policy))
    }

    /// - Parameter seconds: when it arrived.
    private static func item(
        _ number: Int, at seconds: Int = 0, kind: MessageKind = .text, details: InboundMessage.Details = .none,
        standing: ConversationMachine.Standing = .fresh
    ) -> ConversationMachine.Item {
        ConversationMachine.Item(
            entry: LogEntry(
                offset: LogOffset(major: UInt64(number)),
                message: InboundMessage(
                    id: MessageID("m\(number)"), conversation: "loja:1", kind: kind, text: "oi",
                    receivedAt: Timestamp(milliseconds: Int64(seconds) * 1_000), replyAddress: "1", traceID: "",
                    details: details)), standing: standing)
    }

    private static func at(_ seconds: Int) -> Moment {
        Moment(wallTime: Timestamp(milliseconds: Int64(seconds) * 1_000), uptime: .seconds(seconds))
    }

    // MARK: Debounce

    @Test func aBurstIsWaitedForAfterItsLatestMessage() {
        var machine = Self.machine(Self.policy)
        #expect(machine.received(Self.item(1, at: 0), at: Self.at(0)) == .begins)
        #expect(machine.next(at: Self.at(0)) == .gather(.seconds(2)))
        #expect(machine.received(Self.item(2, at: 1), at: Self.at(1)) == .queued)
        #expect(machine.next(at: Self.at(2)) == .gather(.seconds(1)), "the second message extends the wait")
        #expect(machine.next(at: Self.at(3)) == .run(Self.item(1, at: 0), attempt: 1))
        #expect(machine.begin() == [Self.item(2, at: 1).entry])
        #expect(machine.answered(at: Self.at(4).wallTime, isReply: true) == .inTime)
        #expect(machine.finished() == (Self.item(1, at: 0).entry, false))
        #expect(machine.finished() == (Self.item(2, at: 1).entry, true))
        #expect(machine.next(at: Self.at(4)) == .rest)
    }

    @Test func whoNeverStopsWritingWaitsNoLongerThanTheMaximum() {
        var machine = Self.machine(
            TurnPolicy(debounce: TurnPolicy.Debounce(wait: .seconds(2), maximumWait: .seconds(5), maximumMessages: 100)))
        for second in 0...4 { _ = machine.received(Self.item(second + 1, at: second), at: Self.at(second)) }
        #expect(machine.next(at: Self.at(4)) == .gather(.seconds(1)))
        #expect(machine.next(at: Self.at(5)) == .run(Self.item(1, at: 0), attempt: 1))
        #expect(machine.begin().count == 4)
    }

    @Test func enoughMessagesEndTheWait() {
        var machine = Self.machine(Self.policy)
        _ = machine.received(Self.item(1), at: Self.at(0))
        _ = machine.next(at: Self.at(0))
        #expect(machine.received(Self.item(2), at: Self.at(0)) == .queued)
        #expect(machine.received(Self.item(3), at: Self.at(0)) == .completes)
        _ = machine.received(Self.item(4), at: Self.at(0))
        #expect(machine.next(at: Self.at(0)) == .run(Self.item(1), attempt: 1))
        #expect(machine.begin().map(\.offset.major) == [2, 3], "the fourth is for the next turn")
    }

    @Test func aBacklogDoesNotWaitAgain() {
        var machine = Self.machine(Self.policy)
        _ = machine.received(Self.item(1, at: 0), at: Self.at(60))
        _ = machine.received(Self.item(2, at: 1), at: Self.at(60))
        #expect(machine.next(at: Self.at(60)) == .run(Self.item(1, at: 0), attempt: 1))
        #expect(machine.begin().map(\.offset.major) == [2])
    }

    /// Messages from the future, by a clock that is wrong, and then one that jumps back.
    @Test func noClockMakesAnybodyWaitLongerThanTheMaximum() {
        var machine = Self.machine(Self.policy)
        _ = machine.received(Self.item(1, at: 3_600), at: Self.at(0))
        var now = Self.at(0)
        var waited = Duration.zero
        while case .gather(let delay) = machine.next(at: now) {
            #expect(delay <= .seconds(2))
            waited += delay
            now.uptime += delay
            now.wallTime = now.wallTime.advanced(by: .seconds(-1_000))
        }
        #expect(waited == .seconds(5))
    }

    @Test func nothingIsWaitedForWhereTheConversationIsLeaving() {
        var machine = Self.machine(Self.policy)
        _ = machine.received(Self.item(1), at: Self.at(0))
        #expect(machine.next(isLeaving: true, at: Self.at(0)) == .run(Self.item(1), attempt: 1))
    }

    /// With the policy off, five messages are five turns: what the safeguard's tests would see without it.
    @Test func withoutThePolicyEachMessageIsATurn() {
        var machine = Self.machine(TurnPolicy())
        for number in 1...5 { _ = machine.received(Self.item(number), at: Self.at(0)) }
        for number in 1...5 {
            #expect(machine.next(at: Self.at(0)) == .run(Self.item(number), attempt: 1))
            #expect(machine.begin() == [])
            _ = machine.answered(at: Self.at(0).wallTime, isReply: true)
            #expect(machine.finished().isLast)
        }
    }

    private static let alone: [ConversationMachine.Item] = [
        item(2, kind: .system), item(2, kind: .listReply), item(2, kind: .buttonReply),
        item(2, details: InboundMessage.Details(showsMenu: true)),
        item(2, kind: .system, details: InboundMessage.Details(notice: .release(hold: .start))),
        item(2, standing: .suspect(marks: 1)), item(2, standing: .committed([])), item(2, standing: .deadLetter),
    ]

    @Test(arguments: alone) func whatMayNotBeMergedEndsTheWaitAndStandsAlone(_ item: ConversationMachine.Item) {
        var machine = Self.machine(Self.policy)
        _ = machine.received(Self.item(1), at: Self.at(0))
        _ = machine.next(at: Self.at(0))
        #expect(machine.received(item, at: Self.at(0)) == .completes)
        _ = machine.received(Self.item(3), at: Self.at(0))
        #expect(machine.next(at: Self.at(0)) == .run(Self.item(1), attempt: 1))
        #expect(machine.begin() == [])
        _ = machine.answered(at: Self.at(0).wallTime, isReply: true)
        _ = machine.finished()
        #expect(machine.next(at: Self.at(0)) == .run(item, attempt: 1), "it waits for nothing")
        #expect(machine.begin() == [])
    }

    @Test func movedMessagesAndFirstSuspectsAreMerged() {
        var machine = Self.machine(Self.policy)
        let first = Self.item(1, standing: .suspect(marks: 0))
        _ = machine.received(first, at: Self.at(9))
        _ = machine.received(Self.item(2, details: InboundMessage.Details(movedTo: .start)), at: Self.at(9))
        #expect(machine.next(at: Self.at(9)) == .run(first, attempt: 1))
        #expect(machine.begin().map(\.offset.major) == [2])
    }

    @Test func aRetriedTurnMayHaveGrown() {
        var generator = SeededGenerator(seed: 1)
        var machine = Self.machine(Self.policy)
        _ = machine.received(Self.item(1, at: 0), at: Self.at(2))
        _ = machine.next(at: Self.at(2))
        #expect(machine.begin() == [])
        let failure = TurnFailure(category: .timeout, message: "", isRetryable: true)
        #expect(machine.received(Self.item(2, at: 3), at: Self.at(3)) == .queued, "not superseded")
        guard case .retry = machine.failed(failure, using: &generator) else {
            Issue.record("the first attempt was the last")
            return
        }
        #expect(machine.next(at: Self.at(5)) == .run(Self.item(1, at: 0), attempt: 2))
        #expect(machine.begin().map(\.offset.major) == [2])
        #expect(machine.isUnanswered)
        #expect(machine.turn.map(\.offset.major) == [1, 2])
    }

    @Test func whatIsSeparatedIsOnItsOwnAgain() {
        var machine = Self.machine(Self.policy)
        for number in 1...3 { _ = machine.received(Self.item(number), at: Self.at(9)) }
        _ = machine.next(at: Self.at(9))
        _ = machine.begin()
        _ = machine.answered(at: Self.at(9).wallTime, isReply: true)
        machine.separate([LogOffset(major: 2): .committed([])])
        #expect(machine.finished() == (Self.item(1).entry, true))
        #expect(machine.next(at: Self.at(9)) == .run(Self.item(2, standing: .committed([])), attempt: 1))
        _ = machine.finished()
        #expect(machine.next(at: Self.at(9)) == .run(Self.item(3), attempt: 1))
    }

    // MARK: Supersede

    @Test func aNewerMessageSupersedesTheTurnUntilItIsAnswered() {
        var machine = Self.machine(Self.superseding)
        _ = machine.received(Self.item(1), at: Self.at(0))
        #expect(machine.next(at: Self.at(0)) == .run(Self.item(1), attempt: 1))
        #expect(machine.begin() == [])
        #expect(machine.received(Self.item(2), at: Self.at(1)) == .supersedes)
        #expect(machine.received(Self.item(3), at: Self.at(1)) == .queued, "once is enough")
        #expect(machine.isSuperseded)
        #expect(machine.answered(at: Self.at(1).wallTime, isReply: true) == .superseded)
        machine.interrupted()
        #expect(machine.next(at: Self.at(1)) == .run(Self.item(1), attempt: 1), "not an attempt")
        #expect(machine.begin().map(\.offset.major) == [2, 3])
        #expect(machine.received(Self.item(4), at: Self.at(1)) == .queued, "the turn is full")
        #expect(machine.answered(at: Self.at(1).wallTime, isReply: true) == .inTime)
        #expect(machine.received(Self.item(5), at: Self.at(1)) == .queued, "the commit has begun")
    }

    @Test func aChattererIsAnsweredAfterAMinute() {
        var machine = Self.machine(
            TurnPolicy(debounce: TurnPolicy.Debounce(maximumMessages: 100), onNewMessage: .supersede))
        _ = machine.received(Self.item(1, at: 0), at: Self.at(0))
        for second in 1..<60 {
            _ = machine.next(at: Self.at(second))
            _ = machine.begin()
            #expect(machine.received(Self.item(second + 1, at: second), at: Self.at(second)) == .supersedes)
            machine.interrupted()
        }
        _ = machine.next(at: Self.at(60))
        _ = machine.begin()
        #expect(machine.received(Self.item(61, at: 60), at: Self.at(60)) == .queued)
    }

    @Test func whatMayNotBeMergedDoesNotSupersede() {
        for item in Self.alone {
            var machine = Self.machine(Self.superseding)
            _ = machine.received(Self.item(1), at: Self.at(0))
            _ = machine.next(at: Self.at(0))
            _ = machine.begin()
            #expect(machine.received(item, at: Self.at(0)) == .queued)
            #expect(machine.received(Self.item(3), at: Self.at(0)) == .queued, "nor what is behind it")
        }
    }

    /// Whoever asks the handler has not made it possible to cancel it.
    @Test func aPolicyThatChangesDoesNotConcernTheTurnThatRuns() {
        var machine = Self.machine(TurnPolicy())
        _ = machine.received(Self.item(1), at: Self.at(0))
        _ = machine.next(at: Self.at(0))
        _ = machine.begin()
        machine.rules = ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue, turns: Self.superseding)
        #expect(machine.received(Self.item(2), at: Self.at(0)) == .queued)
        #expect(machine.answered(at: Self.at(0).wallTime, isReply: true) == .inTime)
    }

    @Test func aTurnThatEndsBecauseOfAStopIsNotSuperseded() {
        var machine = Self.machine(Self.superseding)
        _ = machine.received(Self.item(1), at: Self.at(0))
        _ = machine.next(at: Self.at(0))
        _ = machine.begin()
        machine.stop()
        #expect(machine.received(Self.item(2), at: Self.at(0)) == .queued)
        #expect(machine.answered(at: Self.at(0).wallTime, isReply: true) == .inTime)
    }

    // MARK: Late replies

    private static func late(_ action: TurnPolicy.Late.Action) -> ConversationMachine {
        var machine = Self.machine(TurnPolicy(late: TurnPolicy.Late(after: .seconds(10), action: action)))
        _ = machine.received(Self.item(1, at: 0), at: Self.at(0))
        _ = machine.next(at: Self.at(0))
        _ = machine.begin()
        return machine
    }

    @Test(arguments: TurnPolicy.Late.Action.allCases) func onlyRepliesAreLateAndOnlyBeyondTheLimit(
        _ action: TurnPolicy.Late.Action
    ) {
        var (inTime, silent, late) = (Self.late(action), Self.late(action), Self.late(action))
        #expect(inTime.answered(at: Self.at(10).wallTime, isReply: true) == .inTime)
        #expect(silent.answered(at: Self.at(99).wallTime, isReply: false) == .inTime)
        // With nothing newer waiting, there is nothing to merge with.
        let expected = action == .merge ? .send : action
        #expect(late.answered(at: Self.at(11).wallTime, isReply: true) == .late(.seconds(11), expected))
        #expect(!late.isUnanswered)
    }

    @Test func aLateReplyGivesWayToANewerMessageOnce() {
        var machine = Self.late(.merge)
        #expect(machine.received(Self.item(2, at: 11), at: Self.at(11)) == .queued)
        #expect(machine.answered(at: Self.at(12).wallTime, isReply: true) == .late(.seconds(12), .merge))
        machine.interrupted()
        #expect(machine.next(at: Self.at(12)) == .run(Self.item(1, at: 0), attempt: 1))
        #expect(machine.begin().map(\.offset.major) == [2])
        _ = machine.received(Self.item(3, at: 20), at: Self.at(20))
        #expect(machine.answered(at: Self.at(24).wallTime, isReply: true) == .late(.seconds(24), .send))
    }

    @Test func aTimerIsNeverLate() {
        var machine = Self.machine(TurnPolicy(late: TurnPolicy.Late(after: .seconds(1), action: .drop)))
        let firing = ConversationTimer.Firing(
            rule: "r", since: Self.at(0).wallTime, dueAt: Self.at(0).wallTime, contactWroteAt: Self.at(0).wallTime)
        _ = machine.received(
            Self.item(1, kind: .system, details: InboundMessage.Details(timer: firing)), at: Self.at(0))
        _ = machine.next(at: Self.at(0))
        _ = machine.begin()
        #expect(machine.answered(at: Self.at(99).wallTime, isReply: true) == .inTime)
    }
}
