import CardumeLoad
import CardumeTesting
import Logging
import ServiceLifecycle

/// Where replies end: a fake Evolution server and Cloud API, with a fake model server beside them, in this process.
final class Sink: Sendable {
    /// Sends that `findMessages` remembers: enough to settle doubts about the latest ones.
    private static let remembered = 20_000

    let port: Int
    private let server: ServiceGroup
    private let run: Task<Void, any Error>

    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - model: how long model calls take.
    /// - Throws: a ``LoadFailure`` when it cannot listen there.
    init(host: String, port: Int, model: LogNormal, hooks: SandboxHooks) async throws {
        var settings = SandboxSettings()
        settings.modelTimes = model
        settings.sendLatency = .zero ... .zero
        settings.remembers = Self.remembered
        let sandbox = Sandbox(settings: settings, host: host, port: port, hooks: hooks)
        let ports = AsyncStream<Int>.makeStream()
        let server = ServiceGroup(
            services: [sandbox.service { ports.continuation.yield($0) }],
            logger: Logger(label: "sink") { _ in SwiftLogNoOpLogHandler() })
        let run = Task {
            defer { ports.continuation.finish() }
            try await server.run()
        }
        var iterator = ports.stream.makeAsyncIterator()
        guard let port = await iterator.next() else {
            let failure = await run.result
            throw LoadFailure("the sink cannot listen on \(host):\(port): \(failure)")
        }
        self.port = port
        self.server = server
        self.run = run
    }

    /// Returns when nobody listens any more.
    func end() async {
        // Not cancelled: SwiftNIO traps when a server is cancelled while somebody connects.
        await self.server.triggerGracefulShutdown()
        _ = await self.run.result
    }
}
