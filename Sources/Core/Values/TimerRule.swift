/// Something an assistant does by itself after a time: asks whether somebody is still there, closes a silent conversation, asks
/// for an opinion afterwards. Configuration.
public struct TimerRule: Hashable, Sendable {
    public enum Trigger: String, Sendable, CaseIterable {
        /// The contact has not written since the assistant's latest reply.
        case silence
        /// The conversation was closed by another rule, and the contact has not written since.
        case closing
    }

    /// Unique within the assistant.
    public var name: String
    public var trigger: Trigger
    /// From the trigger on.
    public var delay: Duration
    /// What is said; empty for nothing.
    public var text: String
    /// Whether the conversation ends: its next message goes where the channel's route says, and the model is not shown what
    /// came before.
    public var closes: Bool
    /// How late it may still speak, when nobody was there at its time. It closes however late it is.
    public var lateness: Duration

    public init(
        name: String, trigger: Trigger = .silence, delay: Duration, text: String = "", closes: Bool = false,
        lateness: Duration = .seconds(3600)
    ) {
        self.name = name
        self.trigger = trigger
        self.delay = delay
        self.text = text
        self.closes = closes
        self.lateness = lateness
    }
}

/// A rule's appointment with a conversation. A conversation has one at a time with each assistant.
public struct ConversationTimer: Hashable, Sendable, Codable {
    /// What its message carries when it fires.
    public struct Firing: Hashable, Sendable, Codable {
        /// ``TimerRule/name``.
        public var rule: String
        /// When the silence began, or the conversation was closed.
        public var since: Timestamp
        public var dueAt: Timestamp
        /// When the contact wrote last. A later message makes the timer void.
        public var contactWroteAt: Timestamp

        public init(rule: String, since: Timestamp, dueAt: Timestamp, contactWroteAt: Timestamp) {
            self.rule = rule
            self.since = since
            self.dueAt = dueAt
            self.contactWroteAt = contactWroteAt
        }
    }

    public var conversation: Conversation.ID
    public var replyAddress: String
    public var traceID: String
    public var firing: Firing

    public init(conversation: Conversation.ID, replyAddress: String, traceID: String, firing: Firing) {
        self.conversation = conversation
        self.replyAddress = replyAddress
        self.traceID = traceID
        self.firing = firing
    }

    /// What the timer becomes when it fires. Named after its rule and the silence it belongs to, so that one that fires twice,
    /// because its log forgot, is recognised by the journal.
    public func message(at now: Timestamp) -> InboundMessage {
        InboundMessage(
            id: MessageID("timer:\(self.firing.rule):\(self.firing.since.milliseconds)"), conversation: self.conversation,
            kind: .system, text: nil, receivedAt: now, replyAddress: self.replyAddress, traceID: self.traceID,
            details: InboundMessage.Details(timer: self.firing))
    }
}

/// A conversation that was closed.
public struct SessionEnd: Hashable, Sendable {
    public var conversation: Conversation.ID
    /// When the contact wrote last. If they wrote again since, the session goes on.
    public var contactWroteAt: Timestamp

    public init(conversation: Conversation.ID, contactWroteAt: Timestamp) {
        self.conversation = conversation
        self.contactWroteAt = contactWroteAt
    }
}
