public import CardumeCore

package struct HeldListBody: Codable, Sendable {
    package let held: [String]
    /// For the next page: its `after`.
    package let next: String?
}

/// What the journal has of a conversation, the latest of each first.
package struct ConversationBody: Codable, Sendable {
    package struct Line: Codable, Sendable {
        package let role: String
        package let message_id: String?
        package let kind: String?
        package let text: String
        package let at: String

        init(_ line: ConversationRecord.Line) {
            (self.role, self.message_id) = (line.role.rawValue, line.messageID?.rawValue)
            (self.kind, self.text, self.at) = (line.kind, line.text, line.at.text)
        }
    }

    package struct Turn: Codable, Sendable {
        package let id: String
        package let assistant: String
        package let attempt: Int
        package let started_at: String
        package let finished_at: String
        package let model: String?
        package let prompt_tokens: Int?
        package let completion_tokens: Int?
        package let transfer_to: String?
        package let merged_into: String?

        init(_ turn: ConversationRecord.Turn) {
            (self.id, self.assistant, self.attempt) = (turn.id.rawValue, turn.assistant.rawValue, turn.attempt)
            (self.started_at, self.finished_at) = (turn.startedAt.text, turn.finishedAt.text)
            (self.model, self.prompt_tokens) = (turn.model, turn.promptTokens)
            (self.completion_tokens, self.transfer_to) = (turn.completionTokens, turn.transfer?.rawValue)
            self.merged_into = turn.mergedInto?.rawValue
        }
    }

    package struct Send: Codable, Sendable {
        package let turn: String
        package let part: Int
        package let state: String
        package let text: String
        package let attempts: Int
        package let attempted_at: String?
        package let server: String?
        package let provider_id: String?
        package let error: String?

        init(_ send: ConversationRecord.Send) {
            (self.turn, self.part, self.state, self.text) = (send.turn.rawValue, send.part, send.state, send.text)
            (self.attempts, self.attempted_at, self.server) = (send.attempts, send.attemptedAt?.text, send.server)
            (self.provider_id, self.error) = (send.providerID, send.error)
        }
    }

    package let conversation: String
    package let channel: String
    package let contact: String
    /// Who has it; missing when the log does not know.
    package let queue: String?
    package let has_unsettled: Bool
    package let held: Bool
    package let lines: [Line]
    package let turns: [Turn]
    package let sends: [Send]
    package let dead_letters: [DeadLetterBody]
}

/// The body of a hold, a release or a transfer; only the last needs `to`.
package struct ConversationRequest: Codable, Sendable {
    package let to: String?
    package let reason: String?

    package init(to: String? = nil, reason: String? = nil) {
        self.to = to
        self.reason = reason
    }
}

package struct ConversationChangedBody: Codable, Sendable {
    /// `held`, `released`, `transferred` or `unchanged`.
    package let status: String
    package let conversation: String
}

/// The explanation and, beside its members, the sentence.
public struct ExplanationBody: Codable, Sendable {
    public let explanation: ConversationExplanation
    public let text: String

    init(_ explanation: ConversationExplanation, at now: Timestamp) {
        self.explanation = explanation
        self.text = explanation.sentence(at: now)
    }

    private enum CodingKeys: CodingKey {
        case text
    }

    public init(from decoder: any Decoder) throws {
        self.explanation = try ConversationExplanation(from: decoder)
        self.text = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .text)
    }

    public func encode(to encoder: any Encoder) throws {
        try self.explanation.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.text, forKey: .text)
    }
}
