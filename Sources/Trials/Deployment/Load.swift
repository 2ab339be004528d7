import AsyncHTTPClient
import CardumeTesting
import Foundation
import NIOCore
import Synchronization

/// What a program at the door answered.
package struct Answer: Sendable {
    package let status: Int
    package let body: String
    /// By their names in lower case.
    package let headers: [String: String]

    package init(status: Int, body: String, headers: [String: String] = [:]) {
        self.status = status
        self.body = body
        self.headers = headers
    }
}

/// A process that is addressed by itself.
package struct SingleDoor: Doorway {
    package let port: Int

    package init(port: Int) { self.port = port }
}

/// Something that takes webhooks, perhaps not at the moment.
package protocol Doorway: Sendable {
    /// Where it listens.
    var port: Int { get throws }
}

/// The messages that are posted, and how the real gateway posts them.
package enum Load {
    /// Keys that the deployments here are given.
    package static let key = "chave-de-teste"
    package static let token = "token-de-teste"
    /// Doors that take whatever comes: lines of a configuration.
    package static let openDoor = """
        load: { queue_threshold: 0, pending_threshold: 0, max_queue_length: 0 }
        rate_limits: { per_minute: 0 }
        """

    package static func contact(_ index: Int) -> String { String(5_534_990_000_000 + index) }

    package static func webhook(
        _ contact: String, _ id: String, _ text: String, to instance: String = "loja-uberlandia"
    ) -> [UInt8] {
        Array(
            """
            {"event":"messages.upsert","instance":"\(instance)","data":{"key":{"remoteJid":"\(contact)@s.whatsapp.net",\
            "fromMe":false,"id":"\(id)"},"pushName":"Marina","message":{"conversation":"\(text)"},\
            "messageType":"conversation","messageTimestamp":1795176000}}
            """.utf8)
    }
}

/// How often a webhook was not accepted.
package final class Refusals: Sendable {
    private let numbers = Mutex([Int: Int]())

    package init() {}

    package var count: Int { self.numbers.withLock { $0.values.reduce(0, +) } }
    /// By the status of the answer; 0 where there was none.
    package var byStatus: [Int: Int] { self.numbers.withLock { $0 } }

    package func add(_ status: Int?) { self.numbers.withLock { $0[status ?? 0, default: 0] += 1 } }
}

extension Doorway {
    package func request(
        _ method: String = "POST", _ path: String, headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(try self.port)\(path)")
        request.method = .RAW(value: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let answer = try await response.body.collect(upTo: 1 << 20)
        let fields = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: Int(response.status.code), body: String(buffer: answer),
            headers: Dictionary(fields) { first, _ in first })
    }

    /// Posts like the real gateway: repeats, ever more slowly, until it is told that the message is safe.
    package func deliver(
        _ contact: String, _ id: String, _ text: String, to instance: String = "loja-uberlandia", refusals: Refusals? = nil
    ) async throws {
        let body = Load.webhook(contact, id, text, to: instance)
        var pause = Duration.milliseconds(20)
        while true {
            try Task.checkCancellation()
            let answer = try? await self.request(
                "POST", "/webhook/evolution", headers: ["apikey": Load.key], body: body)
            if answer?.status == 200 { return }
            refusals?.add(answer?.status)
            try await ContinuousClock().sleep(for: pause)
            if pause < .milliseconds(320) { pause += pause }
        }
    }

    /// Posts `messages` in sequence for each of `conversations` at once, at least `pause` apart.
    package func deliverAll(
        conversations: Int, messages: Int, pause: Duration = .zero, refusals: Refusals? = nil
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for conversation in 0..<conversations {
                group.addTask {
                    for message in 0..<messages {
                        let (contact, id) = (Load.contact(conversation), "C\(conversation)M\(message)")
                        try await self.deliver(contact, id, "mensagem \(message)", refusals: refusals)
                        if pause > .zero { try await ContinuousClock().sleep(for: pause) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
