/// Why a conversation does not go on at the moment.
public struct Blocker: Hashable, Sendable {
    public enum Cause: Hashable, Sendable {
        /// The last attempt failed; attempt `attempt` of `of` follows.
        case retry(attempt: Int, of: Int, TurnFailure)
        /// Waits for a slot of what `of` names, behind `ahead` others.
        case slot(ahead: Int, of: String)
        /// The circuit breaker of this name is open.
        case breaker(String)
        /// The budget of this name is used up.
        case budget(String)
        /// Waits whether the contact has more to say.
        case debounce
        /// Somebody has paused what this names.
        case paused(String)
        /// A dead letter or a person holds the conversation until somebody releases it.
        case held
        /// A reply was certainly not sent and is sent again.
        case gateway(reason: String)
        /// A reply may have been sent; the gateway is asked.
        case doubt(reason: String)
        /// The number sends no faster.
        case pacing
        /// The log or the journal does not answer.
        case store(String)

        /// Whether it depends on others than the conversation itself, and on no slot: it may last for hours.
        public var mayTakeLong: Bool {
            switch self {
            case .breaker, .budget, .paused, .gateway, .held: true
            case .retry, .slot, .debounce, .doubt, .pacing, .store: false
            }
        }
    }

    public var cause: Cause
    /// When it is expected to end; `nil` when nobody can say.
    public var until: Timestamp?

    public init(_ cause: Cause, until: Timestamp? = nil) {
        self.cause = cause
        self.until = until
    }
}

/// A turn that could not even be tried: thrown by a ``TurnHandler`` before it has done anything. It counts as no attempt; the
/// turn's slot goes to others, and the turn is begun again after the wait.
public struct TurnPostponement: Error, Hashable, Sendable {
    public var cause: Blocker.Cause
    /// From 1 ms.
    public var delay: Duration
    /// Whether somebody was asked and had no room: what limits learn from.
    public var isRefusal: Bool

    public init(_ cause: Blocker.Cause, delay: Duration, isRefusal: Bool = false) {
        self.isRefusal = isRefusal
        self.cause = cause
        self.delay = max(delay, .milliseconds(1))
    }
}

extension Blocker.Cause {
    /// Its sort, without the particulars.
    public var kind: Obstacle.Cause {
        switch self {
        case .retry: .retry
        case .slot: .slot
        case .breaker: .breaker
        case .budget: .budget
        case .debounce: .debounce
        case .paused: .paused
        case .held: .held
        case .gateway: .gateway
        case .doubt: .doubt
        case .pacing: .pacing
        case .store: .store
        }
    }
}
