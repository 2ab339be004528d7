/// What an entry says that is no message but is addressed to the owner of its partition.
///
/// Hold, drain and release carry a conversation from one assistant's log to another's, in order. `hold` is appended to the new
/// log and `drain` to the old one, in one step, from which on new messages go to the new log. The old owner moves over what
/// it still holds of the conversation and then the drain, which arrives as `release`; until that has come, the new owner
/// runs only what was moved.
public enum LogNotice: Hashable, Sendable {
    /// The conversation's hold after a dead letter has been lifted.
    case lift
    /// The conversation comes from another assistant: what follows waits for its `release`.
    case hold
    /// The conversation has gone to this assistant: what came before follows it, this last.
    case drain(to: AssistantID)
    /// Nothing more comes from the other assistant.
    case release
}

extension LogNotice: RawRepresentable, Codable {
    private static let drain = "drain:"

    /// As it stands in a log.
    public var rawValue: String {
        switch self {
        case .lift: "lift"
        case .hold: "hold"
        case .drain(let assistant): Self.drain + assistant.rawValue
        case .release: "release"
        }
    }

    public init?(rawValue: String) {
        switch rawValue {
        case "lift": self = .lift
        case "hold": self = .hold
        case "release": self = .release
        case _ where rawValue.hasPrefix(Self.drain):
            self = .drain(to: AssistantID(String(rawValue.dropFirst(Self.drain.count))))
        default: return nil
        }
    }
}

extension InboundMessage {
    /// As it stands in the log of the assistant it was moved to.
    public var moved: InboundMessage {
        var message = self
        if self.details.notice == nil { message.details.isMoved = true } else { message.details.notice = .release }
        return message
    }

    /// As it stands in the log of the assistant that is to answer it instead.
    public var transferred: InboundMessage {
        var message = self.moved
        message.details.transfers = (self.details.transfers ?? 0) + 1
        message.details.showsMenu = nil
        return message
    }
}

/// A conversation on its way to another assistant.
public struct LogTransfer: Sendable {
    /// The turn that decided it. Its message leaves the old log in the same step, so that a repeated call does nothing.
    public struct Turn: Sendable {
        public var entry: LogEntry
        /// The old owner's.
        public var fence: Fence
        /// Whether the turn has answered the message; otherwise the message is moved over, too.
        public var isAnswered: Bool

        public init(entry: LogEntry, fence: Fence, isAnswered: Bool) {
            self.entry = entry
            self.fence = fence
            self.isAnswered = isAnswered
        }
    }

    public var conversation: Conversation.ID
    public var assistant: AssistantID
    /// `nil` when somebody outside asks for it.
    public var turn: Turn?
    public var at: Timestamp

    public init(of conversation: Conversation.ID, to assistant: AssistantID, after turn: Turn? = nil, at: Timestamp) {
        self.conversation = conversation
        self.assistant = assistant
        self.turn = turn
        self.at = at
    }
}

/// What became of a ``LogTransfer``.
public enum TransferOutcome: Hashable, Sendable {
    /// The drain stands at this offset of the old log.
    case draining(LogOffset)
    /// Nobody had the conversation; its next message goes to the new assistant.
    case assigned
    /// The new assistant had it already, or the call was repeated. Of a turn, the message has left the old log.
    case unchanged
    /// Of a turn: somebody has meanwhile given the conversation to this assistant. A message that was answered has left the
    /// old log, one that was not is still there.
    case overtaken(by: AssistantID)
}
