/// One run of an assistant on one conversation.
public struct Turn: Sendable {
    /// Named after its first message, so that a repeated turn conflicts with the one before it and is recognised.
    public typealias ID = MessageID

    public var assistant: Assistant
    public var conversation: Conversation.ID
    /// At least one, in order.
    public var messages: [InboundMessage]
    /// What was said before, oldest first.
    public var context: [ContextMessage]
    /// From 1.
    public var attempt: Int
    /// When the handler is to give up, on the monotonic clock; `nil` for never. Who is still at work then is not interrupted,
    /// but keeps its slot.
    public var deadline: Duration?
    /// When it began to run; `nil` before.
    public var startedAt: Timestamp?

    public init(
        assistant: Assistant, conversation: Conversation.ID, messages: [InboundMessage], context: [ContextMessage],
        attempt: Int, deadline: Duration? = nil
    ) {
        self.deadline = deadline
        self.assistant = assistant
        self.conversation = conversation
        self.messages = messages
        self.context = context
        self.attempt = attempt
    }

    public var id: ID { self.messages[0].id }
}

/// One line of a conversation's history, as a model is shown it.
public struct ContextMessage: Hashable, Sendable {
    public enum Role: String, Sendable {
        case contact
        case assistant
    }

    public var role: Role
    public var text: String

    public init(role: Role, text: String) {
        self.role = role
        self.text = text
    }
}

/// What one turn says to the contact.
public struct Reply: Hashable, Sendable {
    public var text: String

    public init(text: String) {
        self.text = text
    }
}

/// What a turn gave.
public struct TurnResult: Sendable {
    /// In sending order. May be empty.
    public var replies: [Reply]
    public var usage: TokenUsage?
    /// A configured assistant that the conversation goes to. With replies, these are sent first and the message is
    /// answered; without, the other assistant answers the message.
    public var transfer: AssistantID?
    /// Names of the tools that were called, one for each call; see ``LaneRule``.
    public var toolCalls: [String]

    public init(
        replies: [Reply] = [], usage: TokenUsage? = nil, transfer: AssistantID? = nil, toolCalls: [String] = []
    ) {
        self.toolCalls = toolCalls
        self.replies = replies
        self.usage = usage
        self.transfer = transfer
    }
}

/// Tokens a model counted. `prompt` includes cached ones, `completion` includes reasoning.
public struct TokenUsage: Hashable, Sendable {
    /// More than this nobody uses in one call, whatever a server says.
    private static let mostTokens = 1_000_000_000

    public var model: String
    public var prompt: Int
    public var completion: Int
    /// In millionths of the currency in which the model's price is given; 0 where none is.
    public var costMicros: Int64
    /// The day to which it counts, in the assistant's time zone; `nil`: the day of the turn's end, in UTC.
    public var day: CivilDay?

    public init(model: String, prompt: Int, completion: Int, costMicros: Int64 = 0, day: CivilDay? = nil) {
        self.model = model
        self.prompt = min(max(0, prompt), Self.mostTokens)
        self.completion = min(max(0, completion), Self.mostTokens)
        self.costMicros = costMicros
        self.day = day
    }
}
