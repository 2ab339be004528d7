import Hummingbird
import Logging
import ServiceLifecycle

/// A ``TraceCollector`` that runs in this process for as long as this object lives.
package final class RunningCollector: Sendable {
    package let collector = TraceCollector()
    package let port: Int
    private let server: ServiceGroup

    package init() async throws {
        let ports = AsyncStream<Int>.makeStream()
        let server = ServiceGroup(
            services: [self.collector.service { ports.continuation.yield($0) }],
            logger: Logger(label: "collector") { _ in SwiftLogNoOpLogHandler() })
        self.server = server
        // Not structured under a parent: it ends when this object goes away.
        Task {
            try? await server.run()
            ports.continuation.finish()
        }
        var iterator = ports.stream.makeAsyncIterator()
        guard let port = await iterator.next() else { throw ServerError("the collector did not start") }
        self.port = port
    }

    package var url: String { "http://127.0.0.1:\(self.port)" }

    deinit {
        // Not cancelled: SwiftNIO traps when a server is cancelled while somebody connects.
        Task { [server] in await server.triggerGracefulShutdown() }
    }
}
