/// What a conversation does at the moment and, when it waits, for what and until when.
public struct ConversationExplanation: Hashable, Sendable, Codable {
    public enum State: String, Sendable, Codable {
        /// Nothing of it is to be done.
        case idle
        case running
        case waiting
    }

    /// A turn that runs, or whose replies are being sent.
    public struct Run: Hashable, Sendable, Codable {
        private var begin: WrittenTime
        /// From 1.
        public var attempt: Int
        public var since: Timestamp { self.begin.time }

        public init(since: Timestamp, attempt: Int) {
            self.begin = WrittenTime(since)
            self.attempt = attempt
        }

        private enum CodingKeys: String, CodingKey {
            case attempt
            case begin = "since"
        }
    }

    public var conversation: Conversation.ID
    /// The queue it is in; `nil` for none, or when the log does not say.
    public var queue: QueueID?
    /// Who works on it; `nil` for nobody.
    public var owner: Member.ID?
    public var state: State
    /// While it waits.
    public var obstacle: Obstacle?
    /// While a turn of it runs.
    public var run: Run?
    /// Unsettled messages that the owner knows of, notices between queues included; 0 when it was not asked.
    public var messages: Int
    /// Whether the log has something of it; `nil` when it does not say.
    public var hasUnsettled: Bool?
    /// Whether a dead letter or a person holds it; `nil` when the journal does not say.
    public var isHeld: Bool?

    public init(
        _ conversation: Conversation.ID, queue: QueueID?, owner: Member.ID? = nil, state: State = .idle,
        obstacle: Obstacle? = nil, run: Run? = nil, messages: Int = 0, hasUnsettled: Bool? = nil, isHeld: Bool? = nil
    ) {
        self.conversation = conversation
        self.queue = queue
        self.owner = owner
        self.state = obstacle == nil ? state : .waiting
        self.obstacle = obstacle
        self.run = run
        self.messages = messages
        self.hasUnsettled = hasUnsettled
        self.isHeld = isHeld
    }

    /// The answer in one sentence.
    ///
    /// - Parameter now: times on other days are told with their dates.
    public func sentence(at now: Timestamp) -> String {
        switch (self.state, self.obstacle, self.run) {
        case (.waiting, let obstacle?, _): obstacle.text
        case (.running, _, let run?): "its turn has been running since \(run.since.text(at: now)) (attempt \(run.attempt))"
        case (.running, _, nil), (.waiting, nil, _): "is being worked on"
        case (.idle, _, _): "waits for nothing: everything is answered"
        }
    }
}

extension ConversationExplanation {
    private enum CodingKeys: String, CodingKey {
        case conversation, queue, owner, state, run, messages
        case obstacle = "waits_for"
        case hasUnsettled = "unsettled"
        case isHeld = "held"
    }
}

/// What keeps a conversation from going on.
public struct Obstacle: Hashable, Sendable, Codable {
    /// For machines. Names are never changed; new ones may be added.
    public enum Cause: String, Sendable, Codable {
        case retry, slot, breaker, budget, debounce, paused, held, gateway, doubt, pacing, store
        /// Something of it is still with the queue it comes from.
        case transfer
        /// Its owner has not read its messages yet.
        case backlog
        /// Nobody owns its partition.
        case noOwner = "no_owner"
        /// The owner is dead, and nobody has taken its partition over yet.
        case ownerGone = "owner_gone"
        /// Its partition is on its way from one process to another.
        case ownerChanging = "owner_changing"
        /// The owner counts as alive and does not answer.
        case ownerUnreachable = "owner_unreachable"
    }

    public var cause: Cause
    /// For people.
    public var text: String
    private var end: WrittenTime?
    /// When it is expected to end; `nil` when nobody can say.
    public var until: Timestamp? { self.end?.time }
    /// How many go first, of ``Cause/slot``.
    public var ahead: Int?
    /// A person's, of ``Cause/held``.
    public var hold: ConversationHold?

    init(
        _ cause: Cause, _ text: String, until: Timestamp? = nil, ahead: Int? = nil, hold: ConversationHold? = nil
    ) {
        self.cause = cause
        self.text = text
        self.end = until.map(WrittenTime.init)
        self.ahead = ahead
        self.hold = hold
    }

    private enum CodingKeys: String, CodingKey {
        case cause, text, ahead, hold
        case end = "until"
    }
}
