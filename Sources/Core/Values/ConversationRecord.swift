/// What the journal has of a conversation, the latest of each first.
public struct ConversationRecord: Sendable {
    public struct Line: Sendable {
        public var role: ContextMessage.Role
        public var messageID: MessageID?
        public var kind: String?
        public var text: String
        public var at: Timestamp
    }

    public struct Turn: Sendable {
        public var id: MessageID
        public var assistant: AssistantID
        public var attempt: Int
        public var startedAt: Timestamp
        public var finishedAt: Timestamp
        public var model: String?
        public var promptTokens: Int?
        public var completionTokens: Int?
        public var transfer: AssistantID?
        /// The turn that answered it, together with its own message.
        public var mergedInto: MessageID?
    }

    public struct Send: Sendable {
        public var turn: MessageID
        public var part: Int
        /// ``SendIntent/State``'s name.
        public var state: String
        public var text: String
        public var attempts: Int
        public var attemptedAt: Timestamp?
        public var server: String?
        public var providerID: String?
        public var error: String?
    }

    public var lines: [Line] = []
    public var turns: [Turn] = []
    public var sends: [Send] = []
    public var isHeld = false

    public init() {}

    public var isEmpty: Bool { self.lines.isEmpty && self.turns.isEmpty && self.sends.isEmpty && !self.isHeld }
}

extension ConversationRecord.Line {
    package init(_ role: ContextMessage.Role, _ id: MessageID?, kind: String?, text: String, at: Timestamp) {
        (self.role, self.messageID, self.kind, self.text, self.at) = (role, id, kind, text, at)
    }
}

extension ConversationRecord.Turn {
    package init(
        _ id: MessageID, of assistant: AssistantID, attempt: Int, from startedAt: Timestamp, to finishedAt: Timestamp
    ) {
        (self.id, self.assistant, self.attempt) = (id, assistant, attempt)
        (self.startedAt, self.finishedAt) = (startedAt, finishedAt)
    }
}

extension ConversationRecord.Send {
    package init(_ part: Int, of turn: MessageID, state: String, text: String, attempts: Int) {
        (self.part, self.turn, self.state, self.text, self.attempts) = (part, turn, state, text, attempts)
    }
}
