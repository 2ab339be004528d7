import AsyncHTTPClient
import CardumeCore
import Foundation
import NIOCore
import Synchronization

/// The gateway's side of webhooks.
final class WebhookClient: Sendable {
    static let key = "chave"
    static let instance = "loja-uberlandia"
    private static let firstContact = 5_534_990_000_000

    private let client: HTTPClient
    private let instance: String
    private let repetitions = Atomic(0)

    /// - Parameter instance: whose messages it posts.
    init(instance: String = WebhookClient.instance) {
        self.instance = instance
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 10_000
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Posts that were not answered with 200.
    var repeated: Int { self.repetitions.load(ordering: .relaxed) }

    static func conversation(_ index: Int) -> Conversation.ID {
        Conversation.ID(channel: ChannelID(Self.instance), contact: ContactID(String(Self.firstContact + index)))
    }

    /// What a door said to one post.
    struct Answer: Sendable {
        /// `nil` when there was none.
        var status: Int?
        var hasRetryAfter = false
        /// What it says of the depth of its queues.
        var depth: Int?
    }

    /// Posts a message until it is told that it is safe.
    ///
    /// - Parameter padding: characters that the message has in addition.
    func deliver(_ index: Int, of conversations: Int, to port: Int, padding: Int = 0) async throws {
        while await self.post(index, of: conversations, to: port, padding: padding).status != 200 {
            self.repetitions.add(1, ordering: .relaxed)
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
    }

    /// Posts once.
    func post(_ index: Int, of conversations: Int, to port: Int, padding: Int = 0) async -> Answer {
        let contact = Self.firstContact + index % conversations
        let body = """
            {"event":"messages.upsert","instance":"\(self.instance)","data":{"key":{"remoteJid":"\(contact)@s.whatsapp.net",\
            "fromMe":false,"id":"3EB0\(index)"},"pushName":"Marina Alves","message":{"conversation":\
            "\(index) Oi, qual o prazo de entrega do meu pedido no Santa Mônica? Obrigada!\(String(repeating: "!", count: padding))"},\
            "messageType":"conversation","messageTimestamp":\(Int(Date().timeIntervalSince1970))}}
            """
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/webhook/evolution")
        request.method = .POST
        request.headers.add(name: "apikey", value: Self.key)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body))
        guard let response = try? await self.client.execute(request, timeout: .seconds(20)) else { return Answer() }
        _ = try? await response.body.collect(upTo: 1 << 20)
        return Answer(
            status: Int(response.status.code), hasRetryAfter: response.headers.contains(name: "Retry-After"),
            depth: response.headers.first(name: "X-Queue-Depth").flatMap { Int($0) })
    }

    /// How long `/health` takes, in nanoseconds; `nil` when it does not answer.
    func health(port: Int) async -> Int64? {
        let begin = MonotonicTime.now
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/health")
        return await self.status(request) == nil ? nil : MonotonicTime.now - begin
    }

    private func status(_ request: HTTPClientRequest) async -> Int? {
        guard let response = try? await self.client.execute(request, timeout: .seconds(20)) else { return nil }
        _ = try? await response.body.collect(upTo: 1 << 20)
        return Int(response.status.code)
    }

    func shutDown() async { try? await self.client.shutdown() }
}
