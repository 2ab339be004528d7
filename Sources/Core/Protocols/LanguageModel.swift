/// A chat model. Called once per attempt of a turn; calls of different conversations overlap.
public protocol LanguageModel: Sendable {
    /// Honours task cancellation by throwing.
    func complete(_ request: ModelRequest) async throws -> ModelResponse
}

public struct ModelRequest: Sendable {
    public var assistant: AssistantID
    public var conversation: Conversation.ID
    /// System prompt; empty for none.
    public var prompt: String
    /// Oldest first; the last are the contact's.
    public var messages: [ContextMessage]
    /// How many of ``messages``, from the end on, are to be answered. From 1.
    public var newMessages: Int
    public var traceID: String
    /// Whom the model may give the conversation to; empty when it has to answer itself.
    public var transfers: [TransferOption]
    /// When to give up with a ``TurnFailure`` of the category `timeout`, on the monotonic clock; `nil` for whenever the model
    /// does so by itself.
    public var deadline: Duration?
    /// Whether a place is kept for it where calls have to queue; not when another model would do.
    public var keepsPlace = true
    /// The largest model it may go to, where there are several.
    public var largestTier = ModelTier.large

    public init(
        assistant: AssistantID, conversation: Conversation.ID, prompt: String, messages: [ContextMessage],
        newMessages: Int = 1, traceID: String, transfers: [TransferOption] = [], deadline: Duration? = nil
    ) {
        self.newMessages = newMessages
        self.deadline = deadline
        self.transfers = transfers
        self.assistant = assistant
        self.conversation = conversation
        self.prompt = prompt
        self.messages = messages
        self.traceID = traceID
    }
}

public struct ModelResponse: Sendable {
    public var text: String
    /// `nil` when the server did not say.
    public var usage: TokenUsage?
    /// One of the request's ``ModelRequest/transfers``.
    public var transfer: AssistantID?

    public init(text: String, usage: TokenUsage? = nil, transfer: AssistantID? = nil) {
        self.text = text
        self.usage = usage
        self.transfer = transfer
    }
}

/// What an assistant does with a turn.
public protocol TurnHandler: Sendable {
    /// Answers one turn. Runs at least once per message; runs of one conversation never overlap. Where newer messages supersede
    /// turns, it is cancelled when one comes, and called again when it has ended.
    ///
    /// Throwing a ``TurnFailure`` says whether to try again; a ``TurnPostponement`` that nothing was tried; any other error is
    /// retried. Cancelled at shutdown, which does not count as an attempt.
    func respond(to turn: Turn) async throws -> TurnResult
}
