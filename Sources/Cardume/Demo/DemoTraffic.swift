import AsyncHTTPClient
import CardumeCore
import Foundation
import NIOCore
import Synchronization

/// Plays the Evolution server's part: posts the contacts' messages as webhooks.
final class DemoTraffic: Sendable {

    let url: String
    let key: String
    let client: HTTPClient
    let conversations: Int
    let messagesEach: Int
    private let posted = Mutex(0)

    init(url: String, key: String, client: HTTPClient, conversations: Int, messagesEach: Int) {
        self.url = url
        self.key = key
        self.client = client
        self.conversations = conversations
        self.messagesEach = messagesEach
    }

    var count: Int { self.posted.withLock { $0 } }

    static func contact(_ conversation: Int) -> String { String(5_534_999_000_000 + conversation) }

    /// Posts everything: within a conversation in sequence, with pauses as people make them.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for conversation in 0..<self.conversations {
                group.addTask {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...3_000)))
                    let (_, lines) = DemoScript.lines(of: conversation, count: self.messagesEach)
                    for (index, line) in lines.enumerated() {
                        try await self.post(line, conversation: conversation, index: index)
                        try await Task.sleep(for: .milliseconds(Int.random(in: 50...900)))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func post(_ line: String, conversation: Int, index: Int) async throws {
        struct Webhook: Encodable {
            struct Message: Encodable {
                struct Key: Encodable {
                    let remoteJid: String
                    let fromMe = false
                    let id: String
                }
                struct Content: Encodable {
                    let conversation: String
                }
                let key: Key
                let pushName: String
                let message: Content
                let messageType = "conversation"
                let messageTimestamp: Int
                let source = "android"
            }
            let event = "messages.upsert"
            let instance = "provedor-demo"
            let data: Message
        }
        let webhook = Webhook(
            data: Webhook.Message(
                key: Webhook.Message.Key(
                    remoteJid: "\(Self.contact(conversation))@s.whatsapp.net", id: "3A\(conversation)C\(index)"),
                pushName: "Cliente \(conversation)", message: Webhook.Message.Content(conversation: line),
                messageTimestamp: Int(Date().timeIntervalSince1970)))
        var request = HTTPClientRequest(url: self.url + "/webhook/evolution")
        request.method = .POST
        request.headers.add(name: "apikey", value: self.key)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(data: try JSONEncoder().encode(webhook)))
        let response = try await self.client.execute(request, timeout: .seconds(10))
        guard response.status == .ok else {
            throw CommandFailure("a webhook was answered with \(response.status.code)")
        }
        self.posted.withLock { $0 += 1 }
    }
}
