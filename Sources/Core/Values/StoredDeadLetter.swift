/// A dead letter as it is kept, with what people look for in it.
public struct StoredDeadLetter: Sendable {
    /// From 1, in the order in which messages were given up; of one conversation that is the order in which they came.
    public var id: Int64
    public var message: InboundMessage
    public var assistant: AssistantID
    /// A ``TurnFailure/Category``'s name.
    public var category: String
    public var error: String
    /// ``ErrorFingerprint/text``.
    public var fingerprint: String
    /// All that were made since they were counted from the beginning last.
    public var attempts: Int
    /// When it was given up last.
    public var at: Timestamp
    /// How often it was put back into the log.
    public var replays: Int
    /// Whether it is on its way back now.
    public var isReplaying: Bool

    public init(
        id: Int64, message: InboundMessage, assistant: AssistantID, category: String, error: String, fingerprint: String,
        attempts: Int, at: Timestamp, replays: Int = 0, isReplaying: Bool = false
    ) {
        self.id = id
        self.message = message
        self.assistant = assistant
        self.category = category
        self.error = error
        self.fingerprint = fingerprint
        self.attempts = attempts
        self.at = at
        self.replays = replays
        self.isReplaying = isReplaying
    }
}

/// Which dead letters are meant: all of what is given must be true. Nothing given means all of them.
public struct DeadLetterFilter: Hashable, Sendable, Codable {
    public var ids: [Int64]?
    public var assistant: String?
    public var category: String?
    public var channel: String?
    public var conversation: String?
    /// ``MessageKind``'s name.
    public var kind: String?
    public var fingerprint: String?
    /// Given up at this time or later.
    public var since: Timestamp?
    /// Given up before this time.
    public var until: Timestamp?
    /// Its number is this or higher.
    public var fromID: Int64?
    /// Words of the message or of the error, as people write them: case and accents do not count.
    public var text: String?

    public init() {}

    public var isEmpty: Bool { self == DeadLetterFilter() }
}
