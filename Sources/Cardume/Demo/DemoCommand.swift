import ArgumentParser
import AsyncHTTPClient
import CardumeCore
import CardumeRuntime
import CardumeTesting
import Foundation
import Logging
import ServiceLifecycle

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Runs everything at once, with a fake model and a fake gateway, and shows what happens.",
        discussion: """
            A few dozen contacts write to five assistants. One model call in twenty fails; one send in forty is carried out \
            but answered with an error. The summary says whether every message was answered once and in order.
            """)

    @Option(help: "Contacts who write.") var conversations = 40
    @Option(help: "Messages each of them writes.") var messages = 6

    func validate() throws {
        guard self.conversations > 0, self.messages > 0 else {
            throw ValidationError("there must be at least one conversation with one message")
        }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cardume-demo-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let key = UUID().uuidString
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(100)...(.milliseconds(600))
        settings.modelFailures = 0.05
        settings.sendFaults = 0.025
        settings.key = ""
        let sandbox = Sandbox(settings: settings)
        let observer = DemoObserver()
        let ports = AsyncStream<Int>.makeStream()
        var listening = ports.stream.makeAsyncIterator()
        var logger = Logger(label: "cardume") { LineLogHandler(label: $0, level: Live(.critical), format: .text) }
        logger.logLevel = .critical
        let sandboxGroup = ServiceGroup(
            services: [sandbox.service { ports.continuation.yield($0) }], logger: logger)
        async let sandboxEnd: Void = sandboxGroup.run()
        guard let sandboxPort = await listening.next() else { throw CommandFailure("the sandbox did not start") }
        let server = try Server(
            configuration: try CardumeConfiguration(
                yaml: DemoScript.configuration(folder: folder, sandboxPort: sandboxPort, key: key), file: "demo",
                environment: [:]),
            logger: logger, format: .text, observer: observer, onListening: { ports.continuation.yield($0) })
        let serverGroup = ServiceGroup(services: [DemoServer(server: server)], logger: logger)
        async let serverEnd: Void = serverGroup.run()
        guard let port = await listening.next() else { throw CommandFailure("the server did not start") }
        let outcome = try await self.play(port: port, key: key, sandbox: sandbox.state, observer: observer)
        await serverGroup.triggerGracefulShutdown()
        try await serverEnd
        await sandboxGroup.triggerGracefulShutdown()
        try await sandboxEnd
        print(outcome.text)
        if !outcome.isGood { throw ExitCode.failure }
    }

    /// Sends the traffic, shows the view, and waits until everything is answered.
    private func play(
        port: Int, key: String, sandbox: SandboxState, observer: DemoObserver
    ) async throws -> DemoSummary {
        let client = HTTPClient.shared
        let traffic = DemoTraffic(
            url: "http://127.0.0.1:\(port)", key: key, client: client, conversations: self.conversations,
            messagesEach: self.messages)
        let expected = self.conversations * self.messages
        let begin = ContinuousClock.now
        let view = DemoView(expected: expected)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await traffic.run() }
            while observer.snapshot.finished < expected, begin.duration(to: .now) < .seconds(120) {
                view.show(posted: traffic.count, observer.snapshot, elapsed: begin.duration(to: .now))
                try await Task.sleep(for: .milliseconds(100))
            }
            view.clear()
            let elapsed = begin.duration(to: .now)
            try await group.waitForAll()
            return DemoSummary(
                posted: traffic.count, conversations: self.conversations, messagesEach: self.messages,
                sends: sandbox.sends, counts: observer.snapshot, elapsed: elapsed)
        }
    }
}

/// The server as one of the demo's services.
private struct DemoServer: Service {
    let server: Server

    func run() async throws { try await self.server.run(signals: []) }
}
