/// Why a turn or a send did not succeed, sorted so that policies and people can act on it.
public struct TurnFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The sort of trouble.
    public enum Category: String, Sendable, CaseIterable {
        case timeout
        case connection
        case rateLimit = "rate_limit"
        case auth
        case quota
        case validation
        /// The message was running each time the process died.
        case crash
        /// The gateway refused the reply for good.
        case refused
        /// Nobody can say whether the reply was sent, and policy forbids sending it again.
        case sendInDoubt = "send_in_doubt"
        case other
    }

    public var category: Category
    public var message: String
    /// Whether the same turn may succeed later without anybody changing anything.
    public var isRetryable: Bool
    /// The wait the other side asked for.
    public var retryAfter: Duration?
    /// Whether the other side is not well, rather than the request wrong or one too many: what a circuit breaker counts.
    /// Defaults to whether it could not be reached or did not answer.
    public var isOutage: Bool
    /// Whether the other side may have begun to work on it; `false` only where the request certainly did not reach it.
    public var mayHaveBegun: Bool

    public init(
        category: Category, message: String, isRetryable: Bool, retryAfter: Duration? = nil, isOutage: Bool? = nil,
        mayHaveBegun: Bool = true
    ) {
        self.mayHaveBegun = mayHaveBegun
        self.category = category
        self.message = message
        self.isRetryable = isRetryable
        self.retryAfter = retryAfter
        self.isOutage = isOutage ?? (category == .timeout || category == .connection)
    }

    public var description: String { "\(self.category.rawValue): \(self.message)" }
}

/// A message that was given up, with why.
public struct DeadLetter: Sendable {
    public var message: InboundMessage
    public var assistant: AssistantID
    public var failure: TurnFailure
    public var attempts: Int
    public var at: Timestamp
    /// Whether its conversation is held from now on.
    public var holdsConversation: Bool

    public init(
        message: InboundMessage, assistant: AssistantID, failure: TurnFailure, attempts: Int, at: Timestamp,
        holdsConversation: Bool
    ) {
        self.message = message
        self.assistant = assistant
        self.failure = failure
        self.attempts = attempts
        self.at = at
        self.holdsConversation = holdsConversation
    }
}
