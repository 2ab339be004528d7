import DequeModule

/// One conversation's mailbox and the course of its turns: strictly one after the other, retried in place.
///
/// ```
/// idle ── received ──▶ ready ── began ──▶ running ── succeeded ──▶ ready | idle
///                        ▲                  │ failed
///                        └── backoff ◀──────┤
///                        ◀── dead letter ───┘──▶ held
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
        /// It has become a dead letter; only the log does not know yet.
        case deadLetter
    }

    /// What to do next.
    public enum Step: Hashable, Sendable {
        /// Run this, as attempt `attempt`.
        case run(Item, attempt: Int)
        /// The conversation is held: these entries go back to the log's keeping.
        case giveBack([LogOffset])
        /// Nothing to do. The next ``received(_:)`` says so when it must be looked at again.
        case rest
    }

    /// What a failure leads to.
    public enum FailureStep: Hashable, Sendable {
        /// Wait, then ask ``next()`` again.
        case retry(after: Duration)
        /// Journal a dead letter after `attempts`, settle, then ask ``next()`` again.
        case deadLetter(attempts: Int, holdsConversation: Bool)
    }

    private enum State {
        /// Nothing is being done. Goes to `running` through ``next()``.
        case resting
        /// The head of the mailbox is being worked on. Goes to `resting` or, failed, stays for the next attempt.
        case running(attempt: Int)
    }

    /// May change at any time; so may ``onDeadLetter``.
    public var retry: RetryPolicy
    public var onDeadLetter: DeadLetterPolicy
    private var state = State.resting
    private var attempt = 1
    private var mailbox: Deque<Item> = []
    public private(set) var isHeld = false
    /// Whether ``stop()`` was called.
    public private(set) var isStopping = false
    private var isBeingDrained = false

    public init(retry: RetryPolicy, onDeadLetter: DeadLetterPolicy) {
        self.retry = retry
        self.onDeadLetter = onDeadLetter
    }

    /// Messages not finished, the running one included.
    public var depth: Int { self.mailbox.count }

    /// Whether something waits behind the running item.
    public var hasMore: Bool { self.mailbox.count > 1 }

    /// Whether nothing is queued and nobody works on the conversation, so that it may leave memory.
    public var isIdle: Bool { self.mailbox.isEmpty && !self.isBeingDrained }

    /// A message arrived. Returns whether somebody must start asking ``next()``.
    public mutating func received(_ item: Item) -> Bool {
        self.mailbox.append(item)
        return self.wake()
    }

    /// The next thing to do, once what came before is finished. `rest` ends the series.
    public mutating func next() -> Step {
        guard case .resting = self.state else { preconditionFailure("a turn is still running") }
        guard !self.isStopping, let head = self.mailbox.first else {
            self.isBeingDrained = false
            return .rest
        }
        if self.isHeld {
            let offsets = self.mailbox.map(\.entry.offset)
            self.mailbox.removeAll()
            return .giveBack(offsets)
        }
        self.state = .running(attempt: self.attempt)
        return .run(head, attempt: self.attempt)
    }

    /// The running item is done for good: its turn and all its sends are journaled.
    public mutating func finished() -> LogEntry {
        guard case .running = self.state, let item = self.mailbox.popFirst() else {
            preconditionFailure("nothing was running")
        }
        self.state = .resting
        self.attempt = 1
        return item.entry
    }

    /// The running item's attempt failed. After a dead letter, ``finished()`` still takes it from the mailbox.
    ///
    /// - Parameter mayHold: whether a dead letter may hold the conversation, where the policy says so. Defaults to `true`.
    public mutating func failed(
        _ failure: TurnFailure, mayHold: Bool = true, using generator: inout some RandomNumberGenerator
    ) -> FailureStep {
        guard case .running(let attempt) = self.state else { preconditionFailure("nothing was running") }
        guard failure.isRetryable, attempt < self.retry.maximumAttempts else {
            let holds = mayHold && self.onDeadLetter == .hold
            if holds { self.isHeld = true }
            return .deadLetter(attempts: attempt, holdsConversation: holds)
        }
        self.state = .resting
        self.attempt = attempt + 1
        let backoff = self.retry.delay(afterAttempt: attempt, using: &generator)
        return .retry(after: max(backoff, failure.retryAfter ?? .zero))
    }

    /// The running item was interrupted, or could not be tried at all; it counts as never begun.
    public mutating func interrupted() {
        guard case .running = self.state else { preconditionFailure("nothing was running") }
        self.state = .resting
    }

    /// The journal says that the conversation is held.
    public mutating func wasFoundHeld() {
        self.isHeld = true
    }

    /// Somebody released the conversation. Returns whether somebody must start asking ``next()``.
    public mutating func released() -> Bool {
        self.isHeld = false
        return self.wake()
    }

    /// No further item begins; ``next()`` answers `rest`.
    public mutating func stop() {
        self.isStopping = true
    }

    private mutating func wake() -> Bool {
        guard !self.isStopping, !self.isBeingDrained, !self.mailbox.isEmpty else { return false }
        self.isBeingDrained = true
        return true
    }
}
