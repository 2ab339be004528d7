import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat

/// Posts messages, each once: what the door refuses is a finding, not something to hide by repeating it.
final class Sender: Sendable {
    private let target: Target
    private let composer: MessageComposer
    private let client: HTTPClient

    /// Never follows redirections: they could lead to somebody who has not consented.
    static func client() -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 10_000
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    init(_ target: Target, _ composer: MessageComposer, _ client: HTTPClient) {
        self.target = target
        self.composer = composer
        self.client = client
    }

    /// - Returns: what the door said, and the replies where it told them.
    func post(_ message: PlannedMessage) async -> (answer: RunRecord.DoorAnswer, replies: [CaughtReply]) {
        let time = Int(Date().timeIntervalSince1970)
        let body = self.composer.body(of: message, at: time)
        var request = HTTPClientRequest(url: self.target.url + message.source.path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        for (name, value) in self.target.secrets.headers(for: message.source, body: body, at: time) {
            request.headers.add(name: name, value: value)
        }
        request.body = .bytes(ByteBuffer(string: body))
        do {
            let response = try await self.client.execute(request, timeout: .seconds(message.source == .api ? 75 : 20))
            let answer = Data(buffer: try await response.body.collect(upTo: 1 << 20))
            return self.read(response, answer, message)
        } catch {
            return (.failed(reason: Self.describe(error)), [])
        }
    }

    private struct Receipt: Decodable {
        let status: String
        let replies: [String]?
    }

    private func read(
        _ response: HTTPClientResponse, _ body: Data, _ message: PlannedMessage
    ) -> (answer: RunRecord.DoorAnswer, replies: [CaughtReply]) {
        let status = Int(response.status.code)
        guard (200...202).contains(status) else {
            guard status == 429 || status == 503 else { return (.failed(reason: "\(status)"), []) }
            return (.refused(status: status, hasRetryAfter: response.headers.contains(name: "Retry-After")), [])
        }
        guard let receipt = try? JSONDecoder().decode(Receipt.self, from: body),
            ["queued", "answered"].contains(receipt.status)
        else { return (.failed(reason: "taken, and not queued"), []) }
        let replies = (receipt.replies ?? []).map { text in
            CaughtReply(
                channel: self.composer.lines.instance(of: message.assistant),
                contact: self.composer.numbers.contact(message.conversation), text: text)
        }
        return (.accepted, replies)
    }

    /// The kind of failure, not its details.
    private static func describe(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return "\(error)" }
        return "\(type(of: error))"
    }
}

extension PlannedMessage.Source {
    fileprivate var path: String {
        switch self {
        case .evolution: "/webhook/evolution"
        case .meta: "/webhook/meta"
        case .api: "/v1/messages"
        }
    }
}
