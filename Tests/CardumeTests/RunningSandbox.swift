import CardumeTesting
import Logging
import ServiceLifecycle
import Testing

/// A fake model, a fake Evolution server and a fake Cloud API that run in this process for as long as this object lives.
final class RunningSandbox: Sendable {
    let state: SandboxState
    let port: Int
    private let server: ServiceGroup
    private let run: Task<Void, any Error>

    /// - Parameter port: 0 takes a free one.
    init(_ settings: SandboxSettings, port: Int = 0) async throws {
        let sandbox = Sandbox(settings: settings, port: port)
        self.state = sandbox.state
        let ports = AsyncStream<Int>.makeStream()
        let server = ServiceGroup(
            services: [sandbox.service { ports.continuation.yield($0) }],
            logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() })
        self.server = server
        self.run = Task { try await server.run() }
        var iterator = ports.stream.makeAsyncIterator()
        self.port = try #require(await iterator.next())
    }

    /// Nobody listens there any more.
    func stop() async throws {
        await self.server.triggerGracefulShutdown()
        try await self.run.value
    }

    deinit {
        // Not cancelled: SwiftNIO traps when a server is cancelled while somebody connects.
        Task { [server] in await server.triggerGracefulShutdown() }
    }
}

extension SandboxState {
    /// Conversations of the load whose replies are not exactly one for each message, in order.
    ///
    /// - Parameter ignoringRepeats: whether only the first of equal replies counts.
    func conversationsOutOfOrder(conversations: Int, messages: Int, ignoringRepeats: Bool = false) -> [String] {
        let expected = (0..<messages).map { "Recebi: mensagem \($0)" }
        let received = Dictionary(grouping: self.sends) { $0.number }
        return (0..<conversations).compactMap { conversation in
            let texts = received["\(Load.contact(conversation))@s.whatsapp.net"]?.map(\.text) ?? []
            let relevant = ignoringRepeats ? texts.reduce(into: []) { if !$0.contains($1) { $0.append($1) } } : texts
            return relevant == expected ? nil : "\(conversation): \(texts.count) replies: \(texts.prefix(60))"
        }
    }
}
