/// The journal's record that a reply is to be sent, kept from before the first attempt until its end is known.
///
/// Gateways have no idempotency key, so the journal is the only memory of what may already have left.
public struct SendIntent: Hashable, Sendable {
    public struct ID: Hashable, Sendable, CustomStringConvertible {
        public var conversation: Conversation.ID
        public var turn: Turn.ID
        /// From 0, in sending order: a long answer goes out in several parts.
        public var part: Int

        public init(conversation: Conversation.ID, turn: Turn.ID, part: Int) {
            self.conversation = conversation
            self.turn = turn
            self.part = part
        }

        public var description: String { "\(self.turn)#\(self.part)" }
    }

    public enum State: String, Sendable, CaseIterable {
        /// Not begun. Goes to `sending`.
        case pending
        /// Committed before the request is written. Goes to `accepted`, `pending` (certainly not sent), `refused`, `unknown`.
        case sending
        /// Taken by the gateway. Final.
        case accepted
        /// Refused for good: this reply can never be delivered. Final.
        case refused
        /// May have been sent. Goes to `accepted` (found), `sending` (the one resend), `parked`.
        case unknown
        /// In doubt for good: policy forbids sending again. Final.
        case parked
        /// Too late to be sent, by policy. Final from the start.
        case dropped

        public var isFinal: Bool { self == .accepted || self == .refused || self == .parked || self == .dropped }
    }

    public var id: ID
    public var replyAddress: String
    public var text: String
    public var traceID: String
    public var state: State
    /// Requests begun so far.
    public var attempts: Int
    /// Begin of the latest attempt.
    public var attemptedAt: Timestamp?
    /// Attempts of which nobody could say at the time whether they were sent.
    public var ambiguousAttempts: Int
    /// Requests repeated after an ambiguous attempt; at most 1.
    public var resends: Int
    /// The gateway server that got the latest attempt; `nil` before the first, and where a channel has one without a name.
    public var server: String?
    /// The gateway's id of the sent message.
    public var providerID: String?
    public var lastError: String?

    public init(
        id: ID, replyAddress: String, text: String, traceID: String, state: State = .pending, attempts: Int = 0,
        attemptedAt: Timestamp? = nil, ambiguousAttempts: Int = 0, resends: Int = 0, server: String? = nil,
        providerID: String? = nil, lastError: String? = nil
    ) {
        self.id = id
        self.replyAddress = replyAddress
        self.text = text
        self.traceID = traceID
        self.state = state
        self.attempts = attempts
        self.attemptedAt = attemptedAt
        self.ambiguousAttempts = ambiguousAttempts
        self.resends = resends
        self.server = server
        self.providerID = providerID
        self.lastError = lastError
    }
}

/// What one attempt to send came to.
public enum SendOutcome: Hashable, Sendable {
    /// The gateway took it. The id is `nil` when it gave none.
    case accepted(providerID: String?)
    /// Certainly not sent, and may be tried again: the gateway or the number is unreachable or misconfigured.
    case unavailable(reason: String)
    /// Certainly not sent, and never will be.
    case refused(reason: String)
    /// May have been sent.
    case unknown(reason: String)
    /// No request was begun; may be tried after the wait.
    case postponed(cause: Blocker.Cause, delay: Duration)
}

/// What the gateway says about a send in doubt.
public enum Reconciliation: Hashable, Sendable {
    case found(providerID: String)
    /// The gateway's record holds no such message.
    case absent
    /// The gateway does not answer the question at the moment.
    case unavailable(reason: String)
    /// This gateway can never be asked.
    case impossible(reason: String)
}
