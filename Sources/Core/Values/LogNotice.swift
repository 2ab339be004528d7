/// What an entry says that is no message but is addressed to the owner of its partition.
///
/// Hold, drain and release carry a conversation from one queue's log to another's, in order. `hold` is appended to the new
/// log and `drain` to the old one, in one step, from which on new messages go to the new log. The old owner moves over what
/// it still holds of the conversation and then the drain, which arrives as `release`; until that has come, the new owner
/// runs only what was moved over for this hold. A conversation may be on its way more than once at a time.
public enum LogNotice: Hashable, Sendable {
    /// The conversation's hold after a dead letter has been lifted.
    case lift
    /// Somebody has had the conversation held: nothing more of it begins until the hold is lifted.
    case park
    /// The conversation comes from another queue: what follows waits for the `release` that names this entry.
    case hold
    /// The conversation has gone to another queue: what came before follows it, this last.
    case drain(LogDrain)
    /// Nothing more comes for the hold at this offset.
    case release(hold: LogOffset)
}

/// Where a conversation has gone.
public struct LogDrain: Hashable, Sendable {
    public var queue: QueueID
    /// Where the hold stands in that queue's log.
    public var hold: LogOffset

    public init(to queue: QueueID, hold: LogOffset) {
        self.queue = queue
        self.hold = hold
    }
}

extension LogNotice: RawRepresentable, Codable {
    /// As it stands in a log: `lift`, `park`, `hold`, `drain <hold> <assistant>`, `release <hold>`.
    public var rawValue: String {
        switch self {
        case .lift: "lift"
        case .park: "park"
        case .hold: "hold"
        case .drain(let drain): "drain \(drain.hold) \(drain.queue)"
        case .release(let hold): "release \(hold)"
        }
    }

    public init?(rawValue: String) {
        let parts = rawValue.split(separator: " ", maxSplits: 2).map(String.init)
        switch (parts.first, parts.dropFirst().first.flatMap(LogOffset.init)) {
        case ("lift", _): self = .lift
        case ("park", _): self = .park
        case ("hold", _): self = .hold
        case ("drain", let hold?) where parts.count == 3: self = .drain(LogDrain(to: QueueID(parts[2]), hold: hold))
        case ("release", let hold?): self = .release(hold: hold)
        default: return nil
        }
    }
}

extension InboundMessage {
    /// As it stands in the log of the queue it is moved to.
    public func moved(along drain: LogDrain) -> InboundMessage {
        var message = self
        if self.notice == nil {
            message.details.movedTo = drain.hold
        } else {
            message.details.notice = .release(hold: drain.hold)
        }
        return message
    }

    /// As it stands in the log of the queue that is to answer it instead.
    ///
    /// - Parameter queue: where it comes from.
    public func transferred(from queue: QueueID, along drain: LogDrain) -> InboundMessage {
        var message = self.moved(along: drain)
        guard queue.assistant != drain.queue.assistant else { return message }
        message.details.transfers = min(max(0, self.details.transfers ?? 0), 1_000) + 1
        message.details.showsMenu = nil
        return message
    }
}

/// A conversation on its way to another queue: of another assistant, or of another lane.
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
    public var queue: QueueID
    /// `nil` when somebody outside asks for it.
    public var turn: Turn?
    public var at: Timestamp

    public init(of conversation: Conversation.ID, to queue: QueueID, after turn: Turn? = nil, at: Timestamp) {
        self.conversation = conversation
        self.queue = queue
        self.turn = turn
        self.at = at
    }
}

/// What became of a ``LogTransfer``.
public enum TransferOutcome: Hashable, Sendable {
    /// The drain stands at this offset of the old log.
    case draining(LogDrain, at: LogOffset)
    /// Nobody had the conversation; its next message goes to the new queue.
    case assigned
    /// The new queue had it already, or the call was repeated. Of a turn, the message has left the old log.
    case unchanged
    /// Of a turn: the conversation has been given away already, by somebody else or by an earlier call whose answer was lost,
    /// even if it has come back since; this drain, at this offset, is the first behind the message. If that was answered, it has
    /// left the old log; else it may still be there.
    case overtaken(LogDrain, at: LogOffset)
}
