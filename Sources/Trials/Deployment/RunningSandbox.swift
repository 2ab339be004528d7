package import CardumeTesting
import Logging
import ServiceLifecycle

/// A fake model, a fake Evolution server and a fake Cloud API that run in this process for as long as this object lives.
package final class RunningSandbox: Sendable {
    package let state: SandboxState
    package let port: Int
    private let server: ServiceGroup
    private let run: Task<Void, any Error>

    /// - Parameter wanted: 0 takes a free one.
    package init(_ settings: SandboxSettings, port wanted: Int = 0) async throws {
        let sandbox = Sandbox(settings: settings, port: wanted)
        self.state = sandbox.state
        let ports = AsyncStream<Int>.makeStream()
        let server = ServiceGroup(
            services: [sandbox.service { ports.continuation.yield($0) }],
            logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() })
        self.server = server
        self.run = Task { try await server.run() }
        var iterator = ports.stream.makeAsyncIterator()
        guard let port = await iterator.next() else { throw TrialFailure("the sandbox does not listen") }
        self.port = port
    }

    /// Nobody listens there any more.
    package func stop() async throws {
        await self.server.triggerGracefulShutdown()
        try await self.run.value
    }

    deinit {
        // Not cancelled: SwiftNIO traps when a server is cancelled while somebody connects.
        Task { [server] in await server.triggerGracefulShutdown() }
    }
}
