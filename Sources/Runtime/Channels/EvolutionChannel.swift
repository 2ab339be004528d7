import AsyncHTTPClient
public import CardumeCore
package import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Sends through one instance of an Evolution API 2.x server.
public struct EvolutionChannel: MessageChannel {
    private let settings: CardumeConfiguration.ChannelSettings
    private let client: SharedHTTPClient
    private let instance: String

    public init(settings: CardumeConfiguration.ChannelSettings, client: SharedHTTPClient) {
        self.settings = settings
        self.client = client
        self.instance = HTTPAddress.segment(settings.id.rawValue)
    }

    /// WhatsApp's own limit.
    public var maximumTextLength: Int { 65_536 }
    public var sendTimeout: Duration { self.settings.timeout }
    public var recordDelay: Duration { self.settings.recordDelay }

    public func send(_ intent: SendIntent) async -> SendOutcome {
        // `delay` would be served inside the request, with the answer held back: every second of it is a second in which a
        // lost answer leaves the send in doubt.
        struct Body: Encodable {
            let number: String
            let text: String
            let delay = 0
            let linkPreview = false
        }
        let call = OutgoingCall(sending: intent, "evolution", to: self.settings.baseURL, self.client.traces)
        let outcome: SendOutcome
        do {
            let (status, body) = try await self.post(
                "message/sendText", Body(number: intent.replyAddress, text: intent.text), timeout: self.settings.timeout,
                as: call)
            outcome = EvolutionAnswer.outcome(status: status, body: body)
        } catch {
            outcome = SendTransport.outcome(of: error)
        }
        call.ended(outcome)
        return outcome
    }

    public func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        guard let attemptedAt = intent.attemptedAt else { return .absent }
        // Clocks differ by a little. Both bounds are needed: the server ignores either one alone.
        let begin = attemptedAt.milliseconds / 1_000 - 5
        let end = begin + (self.settings.timeout + self.settings.recordDelay).milliseconds / 1_000 + 60
        // The address as it was sent to; then any, because the server may record the contact under another one.
        for address in [intent.replyAddress, nil] {
            let query = FindMessages(
                where: FindMessages.Where(
                    key: FindMessages.Key(remoteJid: address, fromMe: true),
                    messageTimestamp: FindMessages.Range(gte: Self.date(begin), lte: Self.date(end))))
            let answer = await self.find(query, as: OutgoingCall(carrying: intent.traceID)) {
                $0.isSend(of: intent, since: begin, known)
            }
            if answer != .absent { return answer }
        }
        return .absent
    }

    /// Walks the pages of an answer; at most 100 of 50 messages each.
    private func find(
        _ query: FindMessages, as call: OutgoingCall, _ isMatch: (FoundMessages.Record) -> Bool
    ) async -> Reconciliation {
        var query = query
        while true {
            do {
                let (status, body) = try await self.post(
                    "chat/findMessages", query, timeout: .seconds(10), as: call)
                guard (200..<300).contains(status) else { return .unavailable(reason: "findMessages answered \(status)") }
                guard let answer = try? JSONDecoder().decode(FoundMessages.self, from: body) else {
                    return .unavailable(reason: "findMessages gave an answer that is not understood")
                }
                if let id = answer.messages.records.first(where: isMatch)?.key?.id { return .found(providerID: id) }
                guard query.page < min(answer.messages.pages ?? 1, 100) else { return .absent }
                query.page += 1
            } catch {
                return .unavailable(reason: HTTPAddress.describe(error))
            }
        }
    }

    private static func date(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }

    private func post(
        _ path: String, _ body: some Encodable, timeout: Duration, as call: OutgoingCall
    ) async throws -> (Int, Data) {
        try await self.call(.POST, path, JSONEncoder().encode(body), timeout: timeout, as: call)
    }

    /// - Parameters:
    ///   - path: without the instance, which comes last.
    ///   - call: `nil` for what belongs to no trace.
    func call(
        _ method: HTTPMethod, _ path: String, _ body: Data?, timeout: Duration, as call: OutgoingCall? = nil
    ) async throws -> (Int, Data) {
        // No query parameters: the server copies them over the instance in the path.
        var request = HTTPClientRequest(url: HTTPAddress.join(self.settings.baseURL, path + "/" + self.instance))
        request.method = method
        request.headers.add(name: "apikey", value: self.settings.key)
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        call?.inject(into: &request.headers)
        let (head, body) = try await self.client.fetch(request, within: timeout, upTo: 8 << 20)
        call?.answered(Int(head.status.code))
        return (Int(head.status.code), body)
    }
}

/// What an answer to a send says about the message.
package enum EvolutionAnswer {
    /// The server works on inside one `try` after WhatsApp has taken the message, so most of its errors prove nothing. Proof
    /// of not having sent: the guards' 401, 403 and 404, a number that does not exist, a request that failed validation, and
    /// the existence check's 500, whose message is a string.
    package static func outcome(status: Int, body: Data) -> SendOutcome {
        let object = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
        if (200..<300).contains(status) {
            // Some answers are empty although the message went out.
            return .accepted(providerID: (object?["key"] as? [String: Any])?["id"] as? String)
        }
        let message = (object?["response"] as? [String: Any])?["message"]
        let reason = "the gateway answered \(status)" + (self.text(message).map { ": \($0)" } ?? "")
        switch status {
        case 401, 403, 404:
            return .unavailable(reason: reason)
        case 400 where (message as? [[String: Any]])?.contains { $0["exists"] as? Bool == false } ?? false:
            return .refused(reason: reason)
        case 400 where message is [[Any]]:
            return .refused(reason: reason)
        case 400 where (message as? [String]) == ["Text is required"]:
            return .refused(reason: reason)
        case 500 where (message as? String).map(self.isFromExistenceCheck) ?? false:
            return .unavailable(reason: reason)
        default:
            return .unknown(reason: reason)
        }
    }

    private static func isFromExistenceCheck(_ text: String) -> Bool {
        ["Connection Closed", "Connection Terminated", "Precondition Required", "not connected", "reading '", "Timed Out"]
            .contains { text.contains($0) }
    }

    private static func text(_ message: Any?) -> String? {
        let text =
            switch message {
            case let text as String: text
            case let list as [String]: list.joined(separator: ", ")
            default: ""
            }
        return text.isEmpty ? nil : String(text.prefix(200))
    }
}

private struct FindMessages: Encodable {
    struct Key: Encodable {
        let remoteJid: String?
        let fromMe: Bool
    }
    struct Range: Encodable {
        let gte: String
        let lte: String
    }
    struct Where: Encodable {
        let key: Key
        let messageTimestamp: Range
    }
    let `where`: Where
    var page = 1
    let offset = 50
}

private struct FoundMessages: Decodable {
    struct Page: Decodable {
        let pages: Int?
        let records: [Record]
    }
    struct Key: Decodable {
        let id: String?
        let remoteJid: String?
        let fromMe: Bool?
    }
    struct Record: Decodable {
        let key: Key?
        let message: Content?
        let messageTimestamp: Int64?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.key = try? container.decode(Key.self, forKey: .key)
            self.message = try? container.decode(Content.self, forKey: .message)
            self.messageTimestamp =
                (try? container.decode(Int64.self, forKey: .messageTimestamp))
                ?? (try? container.decode(String.self, forKey: .messageTimestamp)).flatMap { Int64($0) }
        }

        enum CodingKeys: CodingKey { case key, message, messageTimestamp }

        func isSend(of intent: SendIntent, since begin: Int64, _ known: Set<String>) -> Bool {
            guard let key, let id = key.id, key.fromMe == true, !known.contains(id) else { return false }
            return self.message?.text == intent.text && self.messageTimestamp ?? 0 >= begin
                && Self.isSameContact(key.remoteJid ?? "", intent.replyAddress)
        }

        /// The server may record a Brazilian number with or without its ninth digit, whatever was asked. A hidden id
        /// (`@lid`) proves nothing: taking a stranger's equal text for this one would lose the reply.
        private static func isSameContact(_ jid: String, _ address: String) -> Bool {
            let (left, right) = (jid.prefix { $0 != "@" }, address.prefix { $0 != "@" })
            if left == right { return true }
            return left.hasPrefix("55") && left.prefix(4) == right.prefix(4) && left.suffix(8) == right.suffix(8)
        }
    }
    struct Content: Decodable {
        let conversation: String?
        let extendedTextMessage: Extended?
        struct Extended: Decodable { let text: String? }

        var text: String? { self.conversation ?? self.extendedTextMessage?.text }
    }
    let messages: Page
}
