import CardumeCore
import CardumeTesting
import Testing

@Suite struct ConversationMachineTests {
    private static let now = Moment(wallTime: Timestamp(milliseconds: 0), uptime: .zero)
    private static let failure = TurnFailure(category: .timeout, message: "late", isRetryable: true)

    private static func item(_ number: Int) -> ConversationMachine.Item {
        ConversationMachine.Item(
            entry: LogEntry(
                offset: LogOffset(major: UInt64(number)),
                message: InboundMessage(
                    id: MessageID("m\(number)"), conversation: "loja:1", text: "oi",
                    receivedAt: Timestamp(milliseconds: 0), replyAddress: "1", traceID: "")))
    }

    @Test func runsOneAfterTheOther() {
        var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue))
        #expect(machine.received(Self.item(1), at: Self.now) == .begins)
        #expect(machine.received(Self.item(2), at: Self.now) == .queued, "whoever drains will find it")
        #expect(machine.next(at: Self.now) == .run(Self.item(1), attempt: 1))
        #expect(machine.finished() == (Self.item(1).entry, true))
        #expect(machine.next(at: Self.now) == .run(Self.item(2), attempt: 1))
        _ = machine.finished()
        #expect(machine.next(at: Self.now) == .rest)
        #expect(machine.isIdle)
        #expect(machine.received(Self.item(3), at: Self.now) == .begins, "rest ended the series")
    }

    @Test func retriesInPlaceThenBecomesADeadLetter() {
        var generator = SeededGenerator(seed: 7)
        var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue))
        _ = machine.received(Self.item(1), at: Self.now)
        _ = machine.received(Self.item(2), at: Self.now)
        for attempt in 1...2 {
            #expect(machine.next(at: Self.now) == .run(Self.item(1), attempt: attempt))
            guard case .retry(let delay) = machine.failed(Self.failure, using: &generator) else {
                Issue.record("attempt \(attempt) was the last")
                return
            }
            #expect(delay <= .seconds(2 * attempt))
        }
        #expect(machine.next(at: Self.now) == .run(Self.item(1), attempt: 3))
        #expect(
            machine.failed(Self.failure, using: &generator) == .deadLetter(attempts: 3, holdsConversation: false))
        _ = machine.finished()
        #expect(machine.next(at: Self.now) == .run(Self.item(2), attempt: 1), "the next message begins anew")
    }

    @Test func waitsAsLongAsTheOtherSideAsked() {
        var generator = SeededGenerator(seed: 1)
        var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(base: .zero), onDeadLetter: .continue))
        _ = machine.received(Self.item(1), at: Self.now)
        _ = machine.next(at: Self.now)
        let limited = TurnFailure(category: .rateLimit, message: "", isRetryable: true, retryAfter: .seconds(9))
        #expect(machine.failed(limited, using: &generator) == .retry(after: .seconds(9)))
    }

    @Test func permanentFailuresAreNotRetried() {
        var generator = SeededGenerator(seed: 1)
        var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue))
        _ = machine.received(Self.item(1), at: Self.now)
        _ = machine.next(at: Self.now)
        let failure = TurnFailure(category: .auth, message: "", isRetryable: false)
        #expect(machine.failed(failure, using: &generator) == .deadLetter(attempts: 1, holdsConversation: false))
    }

    @Test func holdGivesTheRestBackInOrderUntilReleased() {
        var generator = SeededGenerator(seed: 1)
        var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(maximumAttempts: 1), onDeadLetter: .hold))
        for number in 1...3 { _ = machine.received(Self.item(number), at: Self.now) }
        _ = machine.next(at: Self.now)
        #expect(machine.failed(Self.failure, using: &generator) == .deadLetter(attempts: 1, holdsConversation: true))
        _ = machine.finished()
        #expect(machine.next(at: Self.now) == .giveBack([LogOffset(major: 2), LogOffset(major: 3)]))
        #expect(machine.next(at: Self.now) == .rest)
        #expect(machine.released() == false, "nothing is here to run")
        #expect(machine.received(Self.item(2), at: Self.now) == .begins)
        #expect(machine.next(at: Self.now) == .run(Self.item(2), attempt: 1))
    }

    @Test func stoppingBeginsNothingAndCountsNoAttempt() {
        var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue))
        _ = machine.received(Self.item(1), at: Self.now)
        _ = machine.next(at: Self.now)
        machine.stop()
        machine.interrupted()
        #expect(machine.next(at: Self.now) == .rest)
        #expect(machine.depth == 1, "it is still the log's")
        #expect(machine.received(Self.item(2), at: Self.now) == .queued)
    }

    @Test func finishingWithoutRunningCrashes() async {
        await #expect(processExitsWith: .failure) {
            var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue))
            _ = machine.finished()
        }
    }

    private enum Event: CaseIterable { case message, success, failure, permanent, release }

    /// Every sequence of five events up to depth seven: order, attempts and progress hold in all of them.
    @Test(arguments: [DeadLetterPolicy.continue, .hold])
    func invariantsHoldForAllSequences(_ policy: DeadLetterPolicy) {
        var sequences: [[Event]] = [[]]
        for _ in 0..<7 {
            sequences = sequences.flatMap { sequence in Event.allCases.map { sequence + [$0] } }
        }
        for sequence in sequences { Self.check(sequence, policy) }
    }

    private static func check(_ events: [Event], _ policy: DeadLetterPolicy) {
        var generator = SeededGenerator(seed: 3)
        var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(maximumAttempts: 2), onDeadLetter: policy))
        var (sent, isDraining) = (0, false)
        var running: (number: UInt64, attempt: Int)?
        var done: [UInt64] = []
        var log: [ConversationMachine.Item] = []
        func advance(_ machine: inout ConversationMachine) {
            while isDraining, running == nil {
                switch machine.next(at: Self.now) {
                case .rest: isDraining = false
                case .giveBack(let offsets): log += offsets.map { Self.item(Int($0.major)) }
                case .gather: preconditionFailure("nothing is to be waited for: \(events)")
                case .run(let item, let attempt): running = (item.entry.offset.major, attempt)
                }
            }
        }
        for event in events {
            switch event {
            case .message:
                sent += 1
                let isDeferred = machine.isHeld || !log.isEmpty
                if isDeferred {
                    log.append(Self.item(sent))
                } else if machine.received(Self.item(sent), at: Self.now) == .begins {
                    isDraining = true
                }
            case .success where running != nil:
                done.append(machine.finished().entry.offset.major)
                running = nil
            case .failure where running != nil, .permanent where running != nil:
                let failure = event == .failure ? Self.failure : TurnFailure(category: .other, message: "", isRetryable: false)
                let attempt = running?.attempt ?? 0
                switch machine.failed(failure, using: &generator) {
                case .retry: precondition(attempt < 2, "more attempts than allowed: \(events)")
                case .deadLetter: done.append(machine.finished().entry.offset.major)
                }
                running = nil
            case .release where machine.isHeld:
                isDraining = machine.released() || isDraining
                for item in log { isDraining = machine.received(item, at: Self.now) == .begins || isDraining }
                log = []
            default: break
            }
            advance(&machine)
            precondition(running == nil || running?.number == UInt64(done.count + 1), "out of order: \(events)")
        }
        precondition(done == done.sorted() && Set(done).count == done.count, "out of order: \(events)")
        if !machine.isHeld, log.isEmpty { precondition(running != nil || done.count == sent, "no progress: \(events)") }
    }
}
