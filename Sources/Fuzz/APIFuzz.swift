import CardumeCore
import CardumeRuntime
import Foundation

/// What callers of `/v1` and `/admin` send.
enum APIFuzz {
    private static let names = [
        "all", "assistant", "before", "category", "channel", "conversation", "days", "fingerprint", "from_id", "hub.challenge",
        "kind", "limit", "path", "reason", "since", "step", "text", "until",
    ]

    /// A message that is taken belongs to whom it names, and comes back from the log as it went in.
    static func message(_ input: [UInt8]) {
        let arrival = FuzzTarget.arrival
        guard let posted = try? PostedMessage(json: input),
            let message = try? posted.message(receivedAt: arrival.receivedAt, traceID: arrival.traceID)
        else { return }
        let id = message.conversation
        expect(!message.id.rawValue.isEmpty && !id.channel.rawValue.isEmpty, "a message without a name")
        expect(id.contact.rawValue == message.replyAddress && !message.replyAddress.isEmpty, "another's message")
        expect(posted.wait.map((0...60).contains) ?? true, "waits for ever")
        RedisFuzz.comesBack(message)
    }

    /// What is understood means the same when it is written down and read again.
    static func bodies(_ input: [UInt8]) {
        Self.filter(input)
        Self.comesBack(ReplayRequest.self, input)
        Self.comesBack(SettingRequest.self, input)
        Self.comesBack(RollbackRequest.self, input)
        Self.comesBack(PauseRequest.self, input)
        Self.comesBack(ConversationRequest.self, input)
    }

    /// The first line is a query; the whole is a name and a value, too.
    static func queries(_ input: [UInt8]) {
        let lines = String(decoding: input, as: UTF8.self).split(
            separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        for name in Self.names {
            guard let value = QueryString.value(of: name, in: String(lines[0])) else { continue }
            guard let time = try? AdminTime.parse(value, named: name, at: FuzzTarget.arrival.receivedAt) else { continue }
            _ = FuzzTarget.arrival.receivedAt.elapsed(since: time)
        }
        guard lines.count == 2, !lines[0].isEmpty else { return }
        let (name, value) = (String(lines[0]), String(lines[1]))
        let query = "?=&&\(Self.encoded(name))=\(Self.encoded(value))&\(Self.encoded(name))=other"
        expect(QueryString.value(of: name, in: query) == value, "a parameter with another value")
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    private static func filter(_ input: [UInt8]) {
        let now = FuzzTarget.arrival.receivedAt
        guard let filter = try? JSONDecoder().decode(FilterBody.self, from: Data(input)).resolved(at: now) else { return }
        var shown = FilterBody(filter)
        shown.all = true
        let again = try? JSONDecoder().decode(FilterBody.self, from: JSONEncoder().encode(shown)).resolved(at: now)
        expect(again == filter, "a filter that means something else when it is sent back: \(filter)")
    }

    private static func comesBack(_ type: (some Codable).Type, _ input: [UInt8]) {
        guard let body = try? JSONDecoder().decode(type, from: Data(input)) else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let first = try? encoder.encode(body), let again = try? JSONDecoder().decode(type, from: first) else {
            return expect(false, "what was read cannot be written, or not be read again")
        }
        expect((try? encoder.encode(again)) == first, "read as another the second time")
    }
}
