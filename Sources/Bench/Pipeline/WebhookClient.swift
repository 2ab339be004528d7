import AsyncHTTPClient
import CardumeCore
import Foundation
import NIOCore
import Synchronization

/// The gateway's side of webhooks: posts each message until it is told that it is safe.
final class WebhookClient: Sendable {
    static let key = "chave"
    private static let instance = "loja-uberlandia"
    private static let firstContact = 5_534_990_000_000

    private let client: HTTPClient
    private let repetitions = Atomic(0)

    init() {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 10_000
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Posts that were not answered with 200.
    var repeated: Int { self.repetitions.load(ordering: .relaxed) }

    static func conversation(_ index: Int) -> Conversation.ID {
        Conversation.ID(channel: ChannelID(Self.instance), contact: ContactID(String(Self.firstContact + index)))
    }

    /// - Parameter padding: characters that the message has in addition.
    func deliver(_ index: Int, of conversations: Int, to port: Int, padding: Int = 0) async throws {
        let contact = Self.firstContact + index % conversations
        let body = """
            {"event":"messages.upsert","instance":"\(Self.instance)","data":{"key":{"remoteJid":"\(contact)@s.whatsapp.net",\
            "fromMe":false,"id":"3EB0\(index)"},"pushName":"Marina Alves","message":{"conversation":\
            "\(index) Oi, qual o prazo de entrega do meu pedido no Santa Mônica? Obrigada!\(String(repeating: "!", count: padding))"},\
            "messageType":"conversation","messageTimestamp":\(Int(Date().timeIntervalSince1970))}}
            """
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/webhook/evolution")
        request.method = .POST
        request.headers.add(name: "apikey", value: Self.key)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body))
        while await self.status(request) != 200 {
            self.repetitions.add(1, ordering: .relaxed)
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
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
