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

    /// Posts a message until it is told that it is safe.
    func deliver(_ index: Int, of conversations: Int, to port: Int) async throws {
        let request = self.request(index, of: conversations, to: port)
        while await self.status(request) != 200 {
            self.repetitions.add(1, ordering: .relaxed)
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
    }

    /// Posts a message once.
    ///
    /// - Returns: whether it is safe.
    func post(_ index: Int, of conversations: Int, to port: Int) async -> Bool {
        await self.status(self.request(index, of: conversations, to: port)) == 200
    }

    private func request(_ index: Int, of conversations: Int, to port: Int) -> HTTPClientRequest {
        let contact = Self.firstContact + index % conversations
        let body = """
            {"event":"messages.upsert","instance":"\(self.instance)","data":{"key":{"remoteJid":"\(contact)@s.whatsapp.net",\
            "fromMe":false,"id":"3EB0\(index)"},"pushName":"Marina Alves","message":{"conversation":\
            "\(index) Oi, qual o prazo de entrega do meu pedido no Santa Mônica? Obrigada!"},\
            "messageType":"conversation","messageTimestamp":\(Int(Date().timeIntervalSince1970))}}
            """
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/webhook/evolution")
        request.method = .POST
        request.headers.add(name: "apikey", value: Self.key)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body))
        return request
    }

    func isReady(port: Int) async -> Bool {
        await self.status(HTTPClientRequest(url: "http://127.0.0.1:\(port)/health/ready")) == 200
    }

    private func status(_ request: HTTPClientRequest) async -> Int? {
        guard let response = try? await self.client.execute(request, timeout: .seconds(20)) else { return nil }
        _ = try? await response.body.collect(upTo: 1 << 20)
        return Int(response.status.code)
    }

    func shutDown() async { try? await self.client.shutdown() }
}
