package import CardumeCore

/// Why a body cannot be used, in words for the caller.
struct BodyProblem: Error {
    let message: String
}

/// Which dead letters are meant, in a body. What it does not know it refuses: a misspelt name must not mean everything.
package struct FilterBody: Codable, Sendable {
    private enum CodingKeys: String, CodingKey {
        case all, ids, assistant, category, channel, conversation, kind, fingerprint, since, until, text, from_id
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Must be true for a filter that names nothing.
    package var all: Bool?
    package var ids: [Int64]?
    package var assistant, category, channel, conversation, kind, fingerprint: String?
    /// In a request a time or how long ago, in an answer a time.
    package var since, until: String?
    package var text: String?
    package var from_id: Int64?

    package init() {}

    /// As it was understood: times are times.
    package init(_ filter: DeadLetterFilter) {
        self.ids = filter.ids
        (self.assistant, self.category, self.channel) = (filter.assistant, filter.category, filter.channel)
        (self.conversation, self.kind, self.fingerprint) = (filter.conversation, filter.kind, filter.fingerprint)
        (self.since, self.until) = (filter.since?.text, filter.until?.text)
        (self.text, self.from_id) = (filter.text, filter.fromID)
    }

    package init(from decoder: any Decoder) throws {
        let given = try decoder.container(keyedBy: AnyKey.self).allKeys
        if let unknown = given.first(where: { CodingKeys(stringValue: $0.stringValue) == nil }) {
            throw BodyProblem(message: "a filter has no \"\(unknown.stringValue.prefix(50))\"")
        }
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func text(_ key: CodingKeys) throws -> String? { try container.decodeIfPresent(String.self, forKey: key) }
        self.all = try container.decodeIfPresent(Bool.self, forKey: .all)
        self.ids = try container.decodeIfPresent([Int64].self, forKey: .ids)
        self.assistant = try text(.assistant)
        self.category = try text(.category)
        self.channel = try text(.channel)
        self.conversation = try text(.conversation)
        self.kind = try text(.kind)
        self.fingerprint = try text(.fingerprint)
        self.since = try text(.since)
        self.until = try text(.until)
        self.text = try text(.text)
        self.from_id = try container.decodeIfPresent(Int64.self, forKey: .from_id)
    }
}
