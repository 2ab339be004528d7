/// All that is known of a run: fed with what happens, in any order that threads may bring it.
struct RunRecord: Sendable {
    /// What the door said.
    enum DoorAnswer: Sendable, Equatable {
        case accepted
        /// Told to come back later.
        case refused(status: Int, hasRetryAfter: Bool)
        /// - Parameter reason: for people; the same for the same kind of failure.
        case failed(reason: String)
    }

    private static let exampleLimit = 20

    let numbers: FakeNumbers
    let segment: Int
    /// Monotonic, in nanoseconds: when the run began.
    let origin: Int64
    private(set) var steps: [StepRecord] = []
    private(set) var timeline: Timeline
    private(set) var oracle: DeliveryOracle
    private var saboteur: Saboteur?
    /// Replies that answer nothing.
    private(set) var strays = 0
    /// Replies to messages of other runs.
    private(set) var foreign = 0
    /// Messages posted so far.
    private(set) var known = 0
    /// By reason.
    private(set) var failures: [String: Int] = [:]
    /// The first of what must not happen, for people.
    private(set) var examples: [String] = []

    /// - Parameters:
    ///   - timeline: of earlier attempts at the same run.
    ///   - segment: how many there were.
    ///   - origin: such that the run's time goes on where they ended.
    init(
        _ oracle: DeliveryOracle, numbers: FakeNumbers, saboteur: Saboteur? = nil, timeline: Timeline = Timeline(),
        segment: Int = 0, origin: Int64
    ) {
        self.oracle = oracle
        self.numbers = numbers
        self.saboteur = saboteur
        self.timeline = timeline
        self.segment = segment
        self.origin = origin
    }

    /// - Parameter first: the number of its first message.
    mutating func begin(_ step: LoadStep, first: Int, at time: Int64) {
        self.steps.append(StepRecord(step, begin: self.seconds(time), first: first))
    }

    mutating func posted(_ message: PlannedMessage, intended: Int64, at time: Int64) {
        self.known = max(self.known, message.index + 1)
        self.oracle.posted(message, intended: intended, at: time)
        self.steps[message.step].intended += 1
        self.steps[message.step].lateness.record(nanoseconds: time - intended)
        self.note(intended) { $0.intended += 1 }
    }

    mutating func answered(_ message: PlannedMessage, _ answer: DoorAnswer, intended: Int64, at time: Int64) {
        switch answer {
        case .accepted:
            self.oracle.accepted(message.index, at: time)
            self.steps[message.step].accepted += 1
            self.steps[message.step].acceptance.record(nanoseconds: time - intended)
            self.note(intended) { stretch in
                stretch.accepted += 1
                stretch.acceptance.record(seconds: Double(time - intended) / 1e9)
            }
        case .refused(let status, let hasRetryAfter):
            self.oracle.refused(message.index)
            self.steps[message.step].refused += 1
            if !hasRetryAfter { self.steps[message.step].withoutRetryAfter += 1 }
            self.failures["\(status)", default: 0] += 1
            self.note(intended) { $0.refused += 1 }
        case .failed(let reason):
            self.steps[message.step].failed += 1
            self.failures[reason, default: 0] += 1
            self.note(intended) { $0.failed += 1 }
        }
    }

    mutating func modelAnswered(_ text: String, after time: Int64) {
        for token in MessageToken.all(in: text) where token.run == self.oracle.run {
            self.oracle.modelAnswered(token.index, after: time)
        }
    }

    /// What the sink has caught.
    mutating func caught(_ reply: CaughtReply, at time: Int64) {
        for reply in self.saboteur?.pass(reply) ?? [reply] { self.replied(reply, at: time) }
    }

    /// No more replies are waited for: what is unanswered now counts as lost, for as long as it is.
    mutating func settled(at time: Int64) {
        for reply in self.saboteur?.rest() ?? [] { self.replied(reply, at: time) }
        for step in self.steps.indices { self.steps[step].lost = 0 }
        for message in self.oracle.unanswered {
            self.steps[message.step].lost += 1
            self.remember("message \(message.index) of conversation \(message.conversation) was accepted and never answered")
        }
    }

    /// A look at the target; `nil` for what nobody said.
    mutating func looked(depth: Double?, inFlight: Double?, memory: Double?, at time: Int64) {
        self.note(time) { stretch in
            var look = Timeline.Stretch()
            (look.depth, look.inFlight, look.memory) = (depth, inFlight, memory)
            look.looks = memory == nil ? 0 : 1
            look.segment = stretch.segment
            stretch.add(look)
        }
    }

    private mutating func replied(_ reply: CaughtReply, at time: Int64) {
        guard let conversation = self.numbers.conversation(of: reply.contact) else { return self.strays += 1 }
        for finding in self.oracle.replied(in: conversation, reply.text, at: time, known: self.known) {
            self.found(finding, conversation, at: time)
        }
    }

    private mutating func found(_ finding: DeliveryOracle.Finding, _ conversation: Int, at time: Int64) {
        switch finding {
        case .answered(let answer):
            let step = answer.message.step
            self.steps[step].replied += 1
            self.steps[step].reply.record(nanoseconds: answer.elapsed)
            if let ideal = answer.ideal { self.steps[step].added.record(nanoseconds: answer.elapsed - ideal) }
            self.note(time) { $0.replied += 1 }
            self.note(time - answer.elapsed) { stretch in
                stretch.reply.record(seconds: Double(answer.elapsed) / 1e9)
                if let ideal = answer.ideal { stretch.added.record(seconds: Double(answer.elapsed - ideal) / 1e9) }
            }
        case .duplicate(let index):
            self.steps[self.step(of: index)].duplicates += 1
            self.remember("message \(index) of conversation \(conversation) was answered twice")
        case .reordered(let index, let before):
            self.steps[self.step(of: index)].reordered += 1
            self.remember("in conversation \(conversation), message \(index) was answered before message \(before)")
        case .stray:
            self.strays += 1
        case .foreign:
            self.foreign += 1
        }
    }

    private func step(of index: Int) -> Int { self.steps.lastIndex { $0.first <= index } ?? 0 }

    private mutating func remember(_ example: String) {
        if self.examples.count < Self.exampleLimit, !self.examples.contains(example) { self.examples.append(example) }
    }

    private mutating func note(_ time: Int64, _ change: (inout Timeline.Stretch) -> Void) {
        self.timeline.note(at: max(0, self.seconds(time)), segment: self.segment, change)
    }

    private func seconds(_ time: Int64) -> Double { Double(time - self.origin) / 1e9 }
}
