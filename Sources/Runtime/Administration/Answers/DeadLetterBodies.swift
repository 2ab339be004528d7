import CardumeCore

/// A dead letter in the admin API.
package struct DeadLetterBody: Codable, Sendable {
    private static let excerpt = 200

    package let id: Int64
    package let conversation: String
    package let message_id: String
    package let assistant: String
    package let category: String
    /// In a list, its beginning.
    package let error: String
    package let fingerprint: String
    package let kind: String
    /// In a list, its beginning.
    package let text: String?
    package let contact_name: String?
    package let received_at: String
    package let at: String
    package let attempts: Int
    package let replays: Int
    /// `dead`, or `replaying` while it is on its way back.
    package let state: String
    package let trace_id: String

    init(_ letter: StoredDeadLetter, isWhole: Bool) {
        let message = letter.message
        self.id = letter.id
        self.conversation = message.conversation.rawValue
        self.message_id = message.id.rawValue
        self.assistant = letter.assistant.rawValue
        self.category = letter.category
        self.error = isWhole ? letter.error : String(letter.error.prefix(Self.excerpt))
        self.fingerprint = letter.fingerprint
        self.kind = message.kind.rawValue
        self.text = isWhole ? message.text : message.text.map { String($0.prefix(Self.excerpt)) }
        self.contact_name = message.contactName
        self.received_at = message.receivedAt.text
        self.at = letter.at.text
        self.attempts = letter.attempts
        self.replays = letter.replays
        self.state = letter.isReplaying ? "replaying" : "dead"
        self.trace_id = message.traceID
    }
}

package struct DeadLetterListBody: Codable, Sendable {
    package let dead_letters: [DeadLetterBody]
    /// For the next page: its `before`. Missing on the last one.
    package let next: Int64?
}

package struct DeadLetterCountsBody: Codable, Sendable {
    package let total: Int
    package let replaying: Int
    package let conversations: Int
    package let by_category: [String: Int]
    package let by_kind: [String: Int]
    package let by_assistant: [String: Int]
    package let by_channel: [String: Int]

    init(_ analysis: DeadLetterAnalysis) {
        self.total = analysis.count
        self.replaying = analysis.replaying
        self.conversations = analysis.conversationCount
        self.by_category = analysis.categories
        self.by_kind = analysis.kinds
        self.by_assistant = analysis.assistants
        self.by_channel = analysis.channels
    }
}

package struct DeadLetterAnalysisBody: Codable, Sendable {
    package struct Hour: Codable, Sendable {
        package let at: String
        package let count: Int
    }

    package struct Error: Codable, Sendable {
        package let fingerprint: String
        package let category: String
        package let count: Int
        package let conversations: Int
        package let assistants: [String]
        package let first_at: String
        package let last_at: String
        package let example: String
        package let example_id: Int64
    }

    package let total: Int
    package let replaying: Int
    package let conversations: Int
    package let by_category: [String: Int]
    package let by_kind: [String: Int]
    package let by_assistant: [String: Int]
    package let by_hour: [Hour]
    package let top_errors: [Error]
    package let recommendations: [String]

    init(_ analysis: DeadLetterAnalysis, errors: Int, at now: Timestamp) {
        self.total = analysis.count
        self.replaying = analysis.replaying
        self.conversations = analysis.conversationCount
        self.by_category = analysis.categories
        self.by_kind = analysis.kinds
        self.by_assistant = analysis.assistants
        self.by_hour = analysis.hours.sorted { $0.key < $1.key }.map {
            Hour(at: Timestamp(milliseconds: $0.key * 3_600_000).text, count: $0.value)
        }
        self.top_errors = analysis.topErrors(errors).map { group in
            Error(
                fingerprint: group.fingerprint, category: group.category, count: group.count,
                conversations: group.conversations.count, assistants: group.assistants.map(\.rawValue).sorted(),
                first_at: group.first.text, last_at: group.last.text, example: String(group.example.prefix(1_000)),
                example_id: group.exampleID)
        }
        self.recommendations = analysis.recommendations(at: now)
    }
}

/// The body of `POST /admin/dead-letters/purge`.
package struct PurgeRequest: Codable, Sendable {
    package let filter: FilterBody
    /// How many the caller believes there are; missing or `null` to be told.
    package let count: Int?
    package let reason: String?

    package init(filter: FilterBody, count: Int?, reason: String?) {
        self.filter = filter
        self.count = count
        self.reason = reason
    }
}

package struct PurgedBody: Codable, Sendable {
    package let count: Int
    package let purged: Bool
}
