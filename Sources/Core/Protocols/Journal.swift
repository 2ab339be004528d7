/// The database of record: turns, what was said, sends, dead letters, holds. All calls may come from any task.
///
/// Implementations commit records of concurrent callers in groups; a call returns when its record is durable.
public protocol Journal: Sendable {
    /// Makes `record` durable.
    ///
    /// - Returns: ``CommitOutcome/duplicate`` when the first message of a turn was answered before, by a turn of its own or
    ///   together with others; nothing was written then.
    /// - Throws: ``StoreError/Code/fenced`` when `fence` is stale; nothing was written then.
    func commit(_ record: JournalRecord, _ fence: Fence) async throws(StoreError) -> CommitOutcome

    /// What is known of entries that an earlier owner may have begun. Entries without an answer are fresh.
    func standing(of entries: [LogEntry]) async throws(StoreError) -> [LogOffset: EntryStanding]

    /// What a conversation's first turn in this process must know.
    ///
    /// - Parameter contextMessages: how many of the latest messages, both directions, to return.
    func load(_ conversation: Conversation.ID, contextMessages: Int) async throws(StoreError) -> ConversationSnapshot

    /// When a conversation's first message was journaled, after its latest closing if it has been closed; `nil` when there is
    /// none, or nobody knows. Asked before a closing is committed. Defaults to `nil`.
    func beginning(of conversation: Conversation.ID) async throws(StoreError) -> Timestamp?

    /// The gateway's ids of the latest messages sent to a conversation: what a search for another one must pass over.
    func providerIDs(of conversation: Conversation.ID) async throws(StoreError) -> Set<String>

    /// Lifts a conversation's hold. The owner of its partition hears of it in other ways.
    func lift(holdOn conversation: Conversation.ID) async throws(StoreError)

    /// Keeps a body that could not be interpreted, for people to look at. Bounded: the oldest give way.
    func recordRejected(_ webhook: RejectedWebhook) async throws(StoreError)
}

extension Journal {
    public func beginning(of conversation: Conversation.ID) async throws(StoreError) -> Timestamp? { nil }
}

/// One atomic change of the journal.
public enum JournalRecord: Sendable {
    /// A turn ended well: its messages, its replies as send intents, its usage. Clears the messages' crash marks.
    case turn(TurnCommit)
    /// A send intent changed.
    case send(SendIntent)
    /// A message was given up. Clears its crash marks.
    case deadLetter(DeadLetter)
    /// A message is about to run although an earlier run may have killed the process. Adds one crash mark.
    case crashMark(Conversation.ID, MessageID)
}

public enum CommitOutcome: Hashable, Sendable {
    case committed
    case duplicate
}

/// A finished turn, ready for the journal.
public struct TurnCommit: Sendable {
    public var turn: Turn.ID
    public var conversation: Conversation.ID
    public var assistant: AssistantID
    /// At least one, in order. The first names the turn.
    public var messages: [InboundMessage]
    /// In sending order. The first may be `sending` already, which saves a commit. Those that are `dropped` were never said:
    /// they are no lines of the conversation.
    public var intents: [SendIntent]
    public var usage: TokenUsage?
    public var attempt: Int
    public var startedAt: Timestamp
    public var finishedAt: Timestamp
    /// Whether the conversation ends with it: ``Journal/load(_:contextMessages:)`` returns nothing of it and of what came before.
    public var closesConversation: Bool
    /// The assistant that the conversation goes to once the replies are sent.
    public var transfer: AssistantID?
    /// What this turn and the latest before it weighed; see ``LaneHistory/efforts``. `nil` when that is what it was.
    public var efforts: [Int]?

    public init(
        turn: Turn.ID, conversation: Conversation.ID, assistant: AssistantID, messages: [InboundMessage],
        intents: [SendIntent], usage: TokenUsage?, attempt: Int, startedAt: Timestamp, finishedAt: Timestamp,
        closesConversation: Bool = false, transfer: AssistantID? = nil, efforts: [Int]? = nil
    ) {
        self.efforts = efforts
        self.turn = turn
        self.conversation = conversation
        self.assistant = assistant
        self.messages = messages
        self.intents = intents
        self.usage = usage
        self.attempt = attempt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.closesConversation = closesConversation
        self.transfer = transfer
    }
}

extension TurnCommit {
    /// The timer that brought the turn about, if it was one.
    public var timer: ConversationTimer.Firing? { self.messages.first?.timer }

    /// What came of the timer.
    public var timerOutcome: TimerOutcome {
        self.closesConversation ? .closed : self.intents.isEmpty ? .silent : .spoke
    }
}

/// What came of a timer that fired, for the record.
public enum TimerOutcome: String, Sendable {
    case spoke
    /// It had nothing to say, or was too late.
    case silent
    case closed
}

/// What the journal knows of an unsettled entry.
public enum EntryStanding: Hashable, Sendable {
    /// Its turn, whose first message it is, was committed; these are the turn's intents, and where the conversation goes after
    /// them.
    case committed([SendIntent], transfer: AssistantID? = nil)
    /// It was answered by this turn, together with the turn's first message.
    case merged(into: Turn.ID)
    /// It became a dead letter.
    case deadLetter
    /// It was running under suspicion this many times when the process died.
    case marked(Int)
}

public struct ConversationSnapshot: Hashable, Sendable {
    /// Oldest first.
    public var context: [ContextMessage]
    public var isHeld: Bool
    /// The latest ``TurnCommit/efforts``; empty when there are none.
    public var efforts: [Int]

    public init(context: [ContextMessage] = [], isHeld: Bool = false, efforts: [Int] = []) {
        self.efforts = efforts
        self.context = context
        self.isHeld = isHeld
    }
}

/// A webhook that was authentic but could not be interpreted.
public struct RejectedWebhook: Sendable {
    public var source: String
    public var reason: String
    public var body: [UInt8]
    public var receivedAt: Timestamp

    public init(source: String, reason: String, body: [UInt8], receivedAt: Timestamp) {
        self.source = source
        self.reason = reason
        self.body = body
        self.receivedAt = receivedAt
    }
}
