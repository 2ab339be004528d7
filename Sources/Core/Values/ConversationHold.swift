/// A hold that a person has set, under /admin.
public struct ConversationHold: Hashable, Sendable, Codable {
    public var by: String
    private var begin: WrittenTime
    public var since: Timestamp { self.begin.time }
    /// In their words; `nil` when none were given.
    public var reason: String?

    public init(by name: String, since: Timestamp, reason: String? = nil) {
        self.by = name
        self.begin = WrittenTime(since)
        self.reason = reason
    }

    private enum CodingKeys: String, CodingKey {
        case by, reason
        case begin = "since"
    }
}

/// Why a conversation is held.
public enum HoldCause: Hashable, Sendable {
    case person(ConversationHold)
    /// One that is still there, of an assistant whose `on_dead_letter` is `hold`.
    case deadLetter
    /// What held it is not recorded any more.
    case unknown
}
