import CardumeCore
import CardumeTesting
import Testing

/// What must hold of bursts, newer messages and late replies, whatever happens in which order: every message is answered by
/// exactly one turn, in order, and nobody waits for ever.
@Suite struct GatheringModelTests {
    enum Event: CaseIterable {
        case message
        /// One that may not be merged.
        case menu
        /// A second passes.
        case second
        case answer
        case failure
        /// The journal takes the turn, and the process dies before it hears of that.
        case lostAnswer
        /// The process dies.
        case death
    }

    /// What is broken on purpose, so that the checks are seen to see it.
    enum Fault {
        /// The answer of a turn that was superseded is used all the same.
        case supersededRunAnswers
        /// The answer of a late turn that gave way is used all the same.
        case everyRunAnswers
        /// After a lost answer, the journal knows only the turn's first message.
        case journalForgetsMerged
    }

    /// A world of one conversation: its log, its journal, and the owner that is alive.
    struct World {
        let policy: TurnPolicy
        let fault: Fault?
        var machine: ConversationMachine
        var now = Moment(wallTime: Timestamp(milliseconds: 0), uptime: .zero)
        var generator = SeededGenerator(seed: 9)
        /// Unsettled messages, in order, and which of them may not be merged.
        var log: [(number: Int, arrival: Timestamp, isMenu: Bool)] = []
        var sent = 0
        /// Messages of the turns that were answered, in order: what the contact reads.
        var replies: [[Int]] = []
        var journal: [Int: [Int]] = [:]
        var isDraining = false
        /// When the wait ends.
        var wakeAt: Duration?
        /// The turn that is being answered.
        var running: [Int]?
        var problem: String?

        init(_ policy: TurnPolicy, _ fault: Fault? = nil) {
            self.policy = policy
            self.fault = fault
            self.machine = Self.machine(policy)
        }

        static func machine(_ policy: TurnPolicy) -> ConversationMachine {
            ConversationMachine(
                ConversationRules(
                    retry: RetryPolicy(maximumAttempts: .max, base: .zero), onDeadLetter: .continue, turns: policy))
        }

        func item(_ entry: (number: Int, arrival: Timestamp, isMenu: Bool)) -> ConversationMachine.Item {
            let details = entry.isMenu ? InboundMessage.Details(showsMenu: true) : .none
            var standing = ConversationMachine.Standing.fresh
            if self.journal[entry.number] != nil { standing = .committed([]) }
            let isMerged = self.journal.values.contains { $0.dropFirst().contains(entry.number) }
            if isMerged, self.fault != .journalForgetsMerged { standing = .committed([]) }
            return ConversationMachine.Item(
                entry: LogEntry(
                    offset: LogOffset(major: UInt64(entry.number)),
                    message: InboundMessage(
                        id: MessageID("\(entry.number)"), conversation: "loja:1", text: "", receivedAt: entry.arrival,
                        replyAddress: "", traceID: "", details: details)), standing: standing)
        }

        mutating func apply(_ event: Event) {
            switch event {
            case .message, .menu:
                self.sent += 1
                let entry = (number: self.sent, arrival: self.now.wallTime, isMenu: event == .menu)
                self.log.append(entry)
                self.deliver(self.item(entry))
            case .second:
                self.now.wallTime = self.now.wallTime.advanced(by: .seconds(1))
                self.now.uptime += .seconds(1)
                if let wakeAt = self.wakeAt, wakeAt <= self.now.uptime { self.wakeAt = nil }
            case .answer:
                self.answer()
            case .failure where self.running != nil:
                let failure = TurnFailure(category: .timeout, message: "", isRetryable: true)
                _ = self.machine.failed(failure, using: &self.generator)
                self.running = nil
            case .lostAnswer:
                self.answer(isHeard: false)
                self.die()
            case .death: self.die()
            case .failure: break
            }
            self.advance()
            if let first = self.log.first, self.wakeAt != nil {
                let waited = self.now.wallTime.elapsed(since: first.arrival)
                if waited > self.policy.debounce.maximumWait { self.problem = "waited for \(waited)" }
            }
        }

        private mutating func deliver(_ item: ConversationMachine.Item) {
            switch self.machine.received(item, at: self.now) {
            case .queued: break
            case .begins: self.isDraining = true
            case .completes: self.wakeAt = nil
            case .supersedes:
                if self.fault == .supersededRunAnswers, let running = self.running { self.replies.append(running) }
                self.machine.interrupted()
                self.running = nil
            }
        }

        private mutating func die() {
            self.machine = Self.machine(self.policy)
            (self.isDraining, self.wakeAt, self.running) = (false, nil, nil)
            for entry in self.log { self.deliver(self.item(entry)) }
        }

        private mutating func answer(isHeard: Bool = true) {
            guard let turn = self.running else { return }
            switch self.machine.answered(at: self.now.wallTime, isReply: true) {
            case .superseded: self.problem = "superseded, and nobody said so"
            case .late(_, .merge):
                if self.fault == .everyRunAnswers { self.replies.append(turn) }
                self.machine.interrupted()
                self.running = nil
                return
            case .inTime, .late: break
            }
            if let known = self.journal[turn[0]] {
                self.problem = "\(turn) was answered as \(known)"
            }
            self.journal[turn[0]] = turn
            self.replies.append(turn)
            self.running = nil
            guard isHeard else { return }
            for _ in turn { self.finish() }
        }

        private mutating func finish() {
            let number = Int(self.machine.finished().entry.offset.major)
            self.log.removeAll { $0.number == number }
        }

        /// Does what the machine says, until somebody else must act.
        private mutating func advance() {
            while self.isDraining, self.running == nil, self.wakeAt == nil {
                switch self.machine.next(at: self.now) {
                case .rest: self.isDraining = false
                case .giveBack: self.problem = "nothing was held"
                case .gather(let delay):
                    if delay <= .zero { self.problem = "a wait of \(delay)" }
                    self.wakeAt = self.now.uptime + delay
                case .run(let item, _):
                    if case .committed = item.standing {
                        self.finish()
                        continue
                    }
                    let turn = ([item.entry] + self.machine.begin()).map { Int($0.offset.major) }
                    if turn.count > self.policy.debounce.maximumMessages { self.problem = "\(turn) is too much" }
                    let menus = self.log.filter { $0.isMenu && turn.contains($0.number) }
                    if !menus.isEmpty, turn.count > 1 { self.problem = "\(turn) must not be merged" }
                    self.running = turn
                }
            }
        }

        /// Lets everything end that can, and says what is wrong.
        mutating func verdict() -> String? {
            for _ in 0..<(self.sent * 2 + 20) {
                self.apply(.second)
                self.apply(.answer)
            }
            if let problem = self.problem { return problem }
            let answered = self.replies.flatMap(\.self)
            return answered == Array(1..<(self.sent + 1)) ? nil : "\(self.sent) messages, answered: \(self.replies)"
        }
    }

    static func violation(_ events: [Event], _ policy: TurnPolicy, _ fault: Fault? = nil) -> String? {
        var world = World(policy, fault)
        for event in events { world.apply(event) }
        return world.verdict()
    }

    static let policies: [TurnPolicy] = [
        TurnPolicy(debounce: TurnPolicy.Debounce(wait: .seconds(1), maximumWait: .seconds(3), maximumMessages: 3)),
        TurnPolicy(
            debounce: TurnPolicy.Debounce(wait: .seconds(1), maximumWait: .seconds(2), maximumMessages: 2),
            onNewMessage: .supersede),
        TurnPolicy(debounce: TurnPolicy.Debounce(maximumMessages: 3), onNewMessage: .supersede),
        TurnPolicy(late: TurnPolicy.Late(after: .seconds(1), action: .merge)),
        TurnPolicy(),
    ]

    private static func random(_ count: Int, _ generator: inout SeededGenerator) -> [Event] {
        // Messages and time as often as all that goes wrong.
        let events = Event.allCases + [.message, .message, .message, .second, .second, .answer]
        return (0..<count).map { _ in events.randomElement(using: &generator) ?? .message }
    }

    /// Seven events to depth five, under each policy.
    @Test(arguments: policies) func everySequence(_ policy: TurnPolicy) {
        var sequences: [[Event]] = [[]]
        for _ in 0..<5 { sequences = sequences.flatMap { sequence in Event.allCases.map { sequence + [$0] } } }
        for sequence in sequences {
            guard let violation = Self.violation(sequence, policy) else { continue }
            Issue.record("\(sequence): \(violation)")
            return
        }
    }

    @Test(arguments: policies) func longSequencesBySeed(_ policy: TurnPolicy) {
        for seed in 0..<300 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let events = Self.random(120, &generator)
            if let violation = Self.violation(events, policy) { Issue.record("seed \(seed): \(violation)") }
        }
    }

    /// Merging, superseding and giving way happen in these sequences at all.
    @Test func turnsAnswerSeveralMessagesUnlessThePolicyIsOff() {
        for policy in Self.policies {
            var generator = SeededGenerator(seed: 4)
            var world = World(policy)
            for event in Self.random(300, &generator) { world.apply(event) }
            #expect(world.replies.contains { $0.count > 1 } == (policy != TurnPolicy()))
        }
    }

    private static let faults: [(Fault, TurnPolicy)] = [
        (.supersededRunAnswers, policies[2]), (.everyRunAnswers, policies[3]), (.journalForgetsMerged, policies[0]),
    ]

    /// The checks see what they are there for.
    @Test(arguments: faults) func eachFaultIsSeen(_ fault: Fault, _ policy: TurnPolicy) {
        let violations = (0..<50).compactMap { seed in
            var generator = SeededGenerator(seed: UInt64(seed))
            return Self.violation(Self.random(120, &generator), policy, fault)
        }
        #expect(violations.count > 25, "\(fault): \(violations.count) of 50")
    }
}
