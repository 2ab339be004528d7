import DequeModule

/// One conversation's mailbox and the course of its turns: strictly one after the other, retried in place.
///
/// ```
///                      gathering
///                        ▲   │ complete, or long enough
/// idle ── received ──▶ ready ◀┘── next ──▶ running ── begin ──▶ answering ── answered ──▶ running ── finished ──▶ ready | idle
///                        ▲                                         │  │
///                        ├── backoff ◀──────── failed ─────────────┤  │ received
///                        ├── dead letter ◀──── failed ─────────────┘  ▼
///                        └─────────────────── interrupted ◀────── superseded
/// ```
public struct ConversationMachine {
    /// A message in the mailbox, with what the journal knew of it when it was read.
    public struct Item: Hashable, Sendable {
        public var entry: LogEntry
        public var standing: Standing

        public init(entry: LogEntry, standing: Standing = .fresh) {
            self.entry = entry
            self.standing = standing
        }
    }

    public enum Standing: Hashable, Sendable {
        /// Never begun by anybody.
        case fresh
        /// May have been running when an earlier owner died, which happened `marks` times under observation.
        case suspect(marks: Int)
        /// Its turn is committed; these sends may be unfinished, and the conversation may have to go to another assistant.
        case committed([SendIntent], transfer: AssistantID? = nil)
        /// The turn of an earlier message has answered it, which finishes its sends; unless the log has lost that one.
        case answered(by: Turn.ID)
        /// It has become a dead letter; only the log does not know yet.
        case deadLetter
    }

    /// What to do next.
    public enum Step: Hashable, Sendable {
        /// Run this, as attempt `attempt`; a turn of it begins with ``begin()``.
        case run(Item, attempt: Int)
        /// More messages may come: wait, or until ``received(_:at:)`` says that it is over, then ask again.
        case gather(Duration)
        /// The conversation is held: these entries go back to the log's keeping.
        case giveBack([LogOffset])
        /// Nothing to do. The next ``received(_:at:)`` says so when it must be looked at again.
        case rest
    }

    /// What a failure leads to.
    public enum FailureStep: Hashable, Sendable {
        /// Wait, then ask ``next(isLeaving:at:)`` again.
        case retry(after: Duration)
        /// Journal a dead letter after `attempts`, settle, then ask ``next(isLeaving:at:)`` again.
        case deadLetter(attempts: Int, holdsConversation: Bool)
    }

    enum State {
        /// Nothing is being done. Goes to `gathering` or `running` through ``next(isLeaving:at:)``.
        case resting
        /// Whether the contact has more to say is waited for.
        case gathering
        /// The head of the mailbox is being worked on, or what came of its turn. Goes to `answering` through ``begin()``, to
        /// `resting` when all of the turn is finished.
        case running
        /// The turn over the first ``turnSize`` items is being answered. Goes to `running`, `superseded` or `resting`.
        case answering
        /// Whatever the answer is, it will be thrown away.
        case superseded
    }

    /// May change at any time.
    public var rules: ConversationRules {
        didSet { self.habits = ConversationRules.Habits(self.rules.turns) }
    }
    var habits: ConversationRules.Habits
    var state = State.resting
    /// Items of the running turn, from the head on, that are not finished.
    var turnSize = 1
    /// Whether a newer message may supersede the running turn; a policy that changes counts from the next one on.
    public internal(set) var isSupersedable = false
    /// When this process looked at the head first, where a turn may answer several messages.
    var burstBegan: Duration?
    /// Whether a late reply to the head was thrown away; that happens once.
    var hasMergedLate = false
    private var attempt = 1
    /// Whether the head has failed before, or its late reply was thrown away: it runs again before anything else.
    var hasHeadBegun: Bool { self.attempt > 1 || self.hasMergedLate }
    var mailbox: Deque<Item> = []
    public private(set) var isHeld = false
    /// Whether ``stop()`` was called.
    public private(set) var isStopping = false
    private var isBeingDrained = false

    public init(_ rules: ConversationRules) {
        self.rules = rules
        self.habits = ConversationRules.Habits(rules.turns)
    }

    var policy: TurnPolicy { self.rules.turns }

    /// The oldest message not finished.
    public var head: LogEntry? { self.mailbox.first?.entry }

    /// Messages not finished, the running ones included.
    public var depth: Int { self.mailbox.count }

    /// When the first message that is not finished arrived; `nil` for none.
    public var oldest: Timestamp? { self.mailbox.first { $0.entry.message.notice == nil }?.entry.message.receivedAt }

    /// Whether something waits behind the running item.
    public var hasMore: Bool { self.mailbox.count > 1 }

    /// Whether what a timer says is at the head, and something has come behind it.
    public var isTimerAhead: Bool { self.hasMore && self.mailbox[0].entry.message.timer != nil }

    /// Whether nothing is queued and nobody works on the conversation, so that it may leave memory.
    public var isIdle: Bool { self.mailbox.isEmpty && !self.isBeingDrained }

    /// The running turn's items that are not finished, in order; before ``begin()`` the head alone.
    public var turn: [LogEntry] { self.mailbox.prefix(self.turnSize).map(\.entry) }

    /// Whether the running turn has begun and nobody has answered it.
    public var isUnanswered: Bool {
        switch self.state {
        case .answering, .superseded: true
        case .resting, .gathering, .running: false
        }
    }

    /// Whether the running turn's answer will be thrown away.
    public var isSuperseded: Bool { if case .superseded = self.state { true } else { false } }

    /// The next thing to do, once what came before is finished. `rest` ends the series.
    ///
    /// - Parameters:
    ///   - isLeaving: whether the conversation goes elsewhere, so that nothing is to be waited for. Defaults to `false`.
    ///   - now: asked for only where it matters, which is not so with the policy that merges nothing.
    public mutating func next(
        isLeaving: @autoclosure () -> Bool = false, at now: @autoclosure () -> Moment
    ) -> Step {
        switch self.state {
        case .resting, .gathering: self.state = .resting
        case .running, .answering, .superseded: preconditionFailure("a turn is still running")
        }
        guard !self.isStopping, let head = self.mailbox.first else {
            self.isBeingDrained = false
            return .rest
        }
        if self.isHeld {
            let parked = self.mailbox.filter { !$0.isReplayed }.map(\.entry.offset)
            if !parked.isEmpty {
                if !head.isReplayed { self.forgetTurn() }
                self.mailbox.removeAll { !$0.isReplayed }
                return .giveBack(parked)
            }
        }
        if self.habits.contains(.merging), head.mayBeMerged {
            let wait = self.remainingWait(at: now())
            if wait > .zero, !isLeaving() {
                self.state = .gathering
                return .gather(wait)
            }
        }
        self.state = .running
        self.turnSize = 1
        return .run(head, attempt: self.attempt)
    }

    /// The first item of the running turn is done for good: the turn and all its sends are journaled. The turn has ended when
    /// all its items are finished, before anything else is asked for.
    ///
    /// - Returns: the item's entry, and whether it was the turn's last.
    public mutating func finished() -> (entry: LogEntry, isLast: Bool) {
        guard case .running = self.state, let item = self.mailbox.popFirst() else {
            preconditionFailure("nothing was running")
        }
        self.turnSize -= 1
        guard self.turnSize == 0 else { return (item.entry, false) }
        self.state = .resting
        self.forgetTurn()
        return (item.entry, true)
    }

    private mutating func forgetTurn() {
        self.turnSize = 1
        self.attempt = 1
        self.burstBegan = nil
        self.hasMergedLate = false
    }

    /// The running turn's attempt failed, or a reply of it is lost. After a dead letter, ``finished()`` still takes its items
    /// from the mailbox.
    ///
    /// - Parameter mayHold: whether a dead letter may hold the conversation, where the policy says so. Defaults to `true`.
    public mutating func failed(
        _ failure: TurnFailure, mayHold: Bool = true, using generator: inout some RandomNumberGenerator
    ) -> FailureStep {
        switch self.state {
        case .running, .answering: self.state = .running
        case .resting, .gathering, .superseded: preconditionFailure("nothing was running")
        }
        let attempt = self.attempt
        let isLastAttempt = self.mailbox[0].entry.message.replay?.isSingleAttempt ?? false
        guard failure.isRetryable, attempt < self.rules.retry.maximumAttempts, !isLastAttempt else {
            let holds = mayHold && self.rules.onDeadLetter == .hold
            if holds { self.isHeld = true }
            return .deadLetter(attempts: attempt, holdsConversation: holds)
        }
        self.state = .resting
        self.attempt = attempt + 1
        let backoff = self.rules.retry.delay(afterAttempt: attempt, using: &generator)
        return .retry(after: max(backoff, failure.retryAfter ?? .zero))
    }

    /// The running turn was interrupted or superseded, or could not be tried at all; it counts as never begun.
    public mutating func interrupted() {
        switch self.state {
        case .running, .answering, .superseded: self.state = .resting
        case .resting, .gathering: preconditionFailure("nothing was running")
        }
    }

    /// The journal says that the conversation is held. What runs may end; of what waits, only dead letters that are replayed run.
    public mutating func wasFoundHeld() {
        self.isHeld = true
    }

    /// Somebody released the conversation. Returns whether somebody must start asking ``next(isLeaving:at:)``.
    public mutating func released() -> Bool {
        self.isHeld = false
        return self.wake()
    }

    /// No further item begins; ``next(isLeaving:at:)`` answers `rest`.
    public mutating func stop() {
        self.isStopping = true
    }

    mutating func wake() -> Bool {
        guard !self.isStopping, !self.isBeingDrained, !self.mailbox.isEmpty else { return false }
        self.isBeingDrained = true
        return true
    }
}
