import AsyncHTTPClient
import CardumeTesting
import Crypto
import Foundation
import GRDB
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

/// A data folder, a sandbox, and the program in front of them; the program may come and go.
final class Deployment: Sendable {
    static let key = "chave-de-teste"
    static let token = "token-de-teste"
    static let metaSecret = WireSamples.all.meta_app_secret

    let folder = TemporaryFolder()
    let sandbox: SandboxState
    let configuration: String
    private let server: ServiceGroup
    private let current = Mutex<(process: CardumeProcess, port: Int)?>(nil)

    /// - Parameter extra: added to the configuration.
    init(_ settings: SandboxSettings = SandboxSettings(), assistant: String = "", extra: String = "") async throws {
        let sandbox = Sandbox(settings: settings)
        self.sandbox = sandbox.state
        let ports = AsyncStream<Int>.makeStream()
        let server = ServiceGroup(
            services: [sandbox.service { ports.continuation.yield($0) }],
            logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() })
        self.server = server
        Task { try await server.run() }
        var iterator = ports.stream.makeAsyncIterator()
        let sandboxPort = try #require(await iterator.next())
        self.configuration = """
            data_folder: \(self.folder.path)/data
            shutdown_deadline: 10s
            http: { port: 0 }
            api: { token: \(Self.token) }
            evolution_webhook: { key: \(Self.key) }
            meta_webhook: { app_secret: \(Self.metaSecret), verify_token: TOKEN }
            model: { base_url: "http://127.0.0.1:\(sandboxPort)/v1", keyless: true }
            assistants:
              suporte: { backoff: 20ms, slots: 200, \(assistant) }
            channels:
              "*":
                kind: evolution
                base_url: http://127.0.0.1:\(sandboxPort)
                key: qualquer
                timeout: 2s
                record_delay: 100ms
            \(extra.replacing("SANDBOX", with: "\"http://127.0.0.1:\(sandboxPort)\""))
            """
        try Data(self.configuration.utf8).write(to: URL(filePath: self.folder.path + "/cardume.yaml"))
    }

    deinit {
        // Not cancelled: SwiftNIO traps when a server is cancelled while somebody connects.
        Task { [server] in await server.triggerGracefulShutdown() }
    }

    var data: String { self.folder.path + "/data" }

    func start(environment: [String: String] = [:]) async throws {
        let process = try CardumeProcess(["run"], environment: environment, folder: self.folder.path)
        let port = try await process.port()
        self.current.withLock { $0 = (process, port) }
    }

    var process: CardumeProcess {
        get throws { try #require(self.current.withLock { $0?.process }) }
    }

    /// Kills the program as a power failure would.
    func crash() async throws {
        let process = try self.process
        process.signal(SIGKILL)
        await process.end()
    }

    /// - Returns: the exit status.
    func terminate() async throws -> Int32 {
        let process = try self.process
        process.signal(SIGTERM)
        return await process.end()
    }

    // MARK: Requests

    struct Answer: Sendable {
        let status: Int
        let body: String
    }

    func request(
        _ method: String = "POST", _ path: String, headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> Answer {
        let port = try #require(self.current.withLock { $0?.port })
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .RAW(value: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let answer = try await response.body.collect(upTo: 1 << 20)
        return Answer(status: Int(response.status.code), body: String(buffer: answer))
    }

    static func signature(_ body: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Data(Self.metaSecret.utf8)))
        return "sha256=" + code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func webhook(_ contact: String, _ id: String, _ text: String) -> [UInt8] {
        Array(
            """
            {"event":"messages.upsert","instance":"loja-uberlandia","data":{"key":{"remoteJid":"\(contact)@s.whatsapp.net",\
            "fromMe":false,"id":"\(id)"},"pushName":"Marina","message":{"conversation":"\(text)"},\
            "messageType":"conversation","messageTimestamp":1795176000}}
            """.utf8)
    }

    /// Posts like the real gateway: repeats until it is told that the message is safe.
    func deliver(_ contact: String, _ id: String, _ text: String) async throws {
        let body = Self.webhook(contact, id, text)
        while true {
            try Task.checkCancellation()
            let answer = try? await self.request("POST", "/webhook/evolution", headers: ["apikey": Self.key], body: body)
            if answer?.status == 200 { return }
            try await ContinuousClock().sleep(for: .milliseconds(20))
        }
    }

    // MARK: Load

    static func contact(_ index: Int) -> String { String(5_534_990_000_000 + index) }

    /// Posts `messages` in sequence for each of `conversations` at once.
    func deliverAll(conversations: Int, messages: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for conversation in 0..<conversations {
                group.addTask {
                    for message in 0..<messages {
                        try await self.deliver(Self.contact(conversation), "C\(conversation)M\(message)", "mensagem \(message)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Waits until the sandbox has sent `count` replies and the log is empty.
    func settle(replies count: Int, within limit: Duration = .seconds(120)) async throws {
        let begin = ContinuousClock.now
        while try self.sandbox.sends.count < count || self.rows("SELECT count(*) FROM queue") != ["0"] {
            try #require(
                begin.duration(to: .now) < limit,
                "only \(self.sandbox.sends.count) of \(count) replies; \((try? self.process.output.suffix(2_000)) ?? "")")
            try await ContinuousClock().sleep(for: .milliseconds(50))
        }
    }

    /// Conversations whose replies are not exactly one for each message, in order.
    func conversationsOutOfOrder(conversations: Int, messages: Int) -> [String] {
        let expected = (0..<messages).map { "Recebi: mensagem \($0)" }
        let received = Dictionary(grouping: self.sandbox.sends) { $0.number }
        return (0..<conversations).compactMap { conversation in
            let texts = received["\(Self.contact(conversation))@s.whatsapp.net"]?.map(\.text) ?? []
            return texts == expected ? nil : "\(conversation): \(texts.count) replies: \(texts.prefix(60))"
        }
    }

    /// Reads the store from outside, first column as text.
    func rows(_ sql: String) throws -> [String] {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: self.data + "/cardume.sqlite", configuration: configuration)
        defer { try? queue.close() }
        return try queue.read { db in
            try DatabaseValue.fetchAll(db, sql: sql).map { value in
                switch value.storage {
                case .string(let text): text
                case .null: "NULL"
                default: value.description
                }
            }
        }
    }
}
