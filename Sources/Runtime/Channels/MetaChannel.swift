import AsyncHTTPClient
public import CardumeCore
package import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Sends through Meta's WhatsApp Cloud API. The channel's name is the phone number id.
public struct MetaChannel: MessageChannel {
    private let settings: CardumeConfiguration.ChannelSettings
    private let client: SharedHTTPClient
    private let url: String

    public init(settings: CardumeConfiguration.ChannelSettings, client: SharedHTTPClient) {
        self.settings = settings
        self.client = client
        let base = settings.baseURL.isEmpty ? "https://graph.facebook.com" : settings.baseURL
        self.url = HTTPAddress.join(
            base, "\(settings.apiVersion)/\(HTTPAddress.segment(settings.id.rawValue))/messages")
    }

    public var maximumTextLength: Int { 4_096 }
    public var sendTimeout: Duration { self.settings.timeout }
    public var recordDelay: Duration { .zero }

    public func send(_ intent: SendIntent) async -> SendOutcome {
        let call = OutgoingCall(sending: intent, "meta", to: self.url, self.client.traces)
        let outcome: SendOutcome
        do {
            var request = HTTPClientRequest(url: self.url)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.headers.add(name: "Authorization", value: "Bearer \(self.settings.key)")
            request.body = .bytes(ByteBuffer(data: try JSONEncoder().encode(Body(intent))))
            call.inject(into: &request.headers)
            let (head, body) = try await self.client.fetch(request, within: self.settings.timeout, upTo: 1 << 20)
            call.answered(Int(head.status.code))
            outcome = MetaAnswer.outcome(status: Int(head.status.code), body: body)
        } catch {
            outcome = SendTransport.outcome(of: error)
        }
        call.ended(outcome)
        return outcome
    }

    public func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        .impossible(reason: "the Cloud API cannot be asked for sent messages")
    }

    private struct Body: Encodable {
        struct Text: Encodable {
            let body: String
            let preview_url = false
        }

        let messaging_product = "whatsapp"
        let recipient_type = "individual"
        /// A phone number.
        let to: String?
        /// A business-scoped user id, of users who hide their number.
        let recipient: String?
        let type = "text"
        let text: Text
        /// Comes back in the status webhooks.
        let biz_opaque_callback_data: String

        init(_ intent: SendIntent) {
            let isNumber = intent.replyAddress.allSatisfy { $0.isASCII && $0.isNumber }
            self.to = isNumber ? intent.replyAddress : nil
            self.recipient = isNumber ? nil : intent.replyAddress
            self.text = Text(body: intent.text)
            self.biz_opaque_callback_data = String(intent.id.description.suffix(512))
        }
    }
}

/// What an answer of the Cloud API says about the message. The error's code decides; its HTTP status is not stable.
package enum MetaAnswer {
    /// Nothing was sent; waiting helps (limits), or somebody must act (tokens, permissions) and then it helps.
    private static let unavailable: Set<Int> = [
        0, 3, 4, 10, 190, 368, 80007, 130429, 131031, 131045, 131048, 131056, 131057, 133010, 133016,
    ]
    /// The server failed in the middle.
    private static let unknown: Set<Int> = [1, 2, 131000, 131016]

    package static func outcome(status: Int, body: Data) -> SendOutcome {
        let object = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
        if (200..<300).contains(status) {
            return .accepted(providerID: (object?["messages"] as? [[String: Any]])?.first?["id"] as? String)
        }
        guard let error = object?["error"] as? [String: Any], let code = error["code"] as? Int else {
            return .unknown(reason: "the Cloud API answered \(status)")
        }
        let reason = "the Cloud API answered \(status), code \(code): \((error["message"] as? String ?? "").prefix(200))"
        if self.unavailable.contains(code) || (200..<300).contains(code) { return .unavailable(reason: reason) }
        if self.unknown.contains(code) { return .unknown(reason: reason) }
        return .refused(reason: reason)
    }
}
