/// One bot: its prompt, its model and the rules by which its conversations run. Configuration, not code.
public struct Assistant: Sendable {
    public var id: AssistantID
    /// System prompt.
    public var prompt: String
    /// Turns of this assistant that may run at once in one process. From 1.
    public var slots: Int
    /// How they are shared between its lanes, and with other assistants.
    public var bulkhead: BulkheadPolicy
    /// How many earlier turns the model is shown.
    public var contextTurns: Int
    public var retry: RetryPolicy
    public var onDeadLetter: DeadLetterPolicy
    public var onAmbiguousSend: AmbiguousSendPolicy
    public var turns: TurnPolicy
    public var timers: TimerPlan
    /// Whom it may give a conversation to, and when, in words for its model.
    public var transfers: [TransferOption]
    /// While it is set no turn begins; `nil` for none.
    public var pause: Pause?

    public init(
        id: AssistantID,
        prompt: String = "",
        slots: Int = 64,
        bulkhead: BulkheadPolicy = BulkheadPolicy(),
        contextTurns: Int = 10,
        retry: RetryPolicy = RetryPolicy(),
        onDeadLetter: DeadLetterPolicy = .continue,
        onAmbiguousSend: AmbiguousSendPolicy = .reconcileThenResend,
        turns: TurnPolicy = TurnPolicy(),
        timers: [TimerRule] = [], transfers: [TransferOption] = [],
        pause: Pause? = nil
    ) {
        self.id = id
        self.prompt = prompt
        self.slots = slots
        self.bulkhead = bulkhead
        self.contextTurns = contextTurns
        self.retry = retry
        self.onDeadLetter = onDeadLetter
        self.onAmbiguousSend = onAmbiguousSend
        self.turns = turns
        self.timers = TimerPlan(timers)
        self.transfers = transfers
        self.pause = pause
    }
}

/// An assistant that a conversation may be given to.
public struct TransferOption: Hashable, Sendable {
    public var assistant: AssistantID
    /// When: in the model's words.
    public var reason: String

    public init(assistant: AssistantID, reason: String) {
        self.assistant = assistant
        self.reason = reason
    }
}

/// What becomes of a conversation one of whose messages became a dead letter.
public enum DeadLetterPolicy: String, Sendable, CaseIterable {
    /// The next message runs.
    case `continue`
    /// The next messages wait, in order, until somebody releases the conversation.
    case hold
}

/// What to do with a reply of which nobody can say whether the gateway sent it.
public enum AmbiguousSendPolicy: String, Sendable, CaseIterable {
    /// Ask the gateway; send again, once, when it has no such message or cannot tell.
    case reconcileThenResend = "reconcile-then-resend"
    /// Ask the gateway; never send again.
    case neverResend = "never-resend"
    /// Send again, once, without asking.
    case alwaysResend = "always-resend"
}
