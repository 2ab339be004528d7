import CardumeCore
import CardumeTesting
import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import CardumeRuntime

/// The ways out, against the sandbox's server.
@Suite(.timeLimit(.minutes(1))) struct ChannelTests {
    /// Runs `body` with a sandbox and a channel to it.
    private static func withChannel(
        _ settings: SandboxSettings = SandboxSettings(), timeout: String = "1s",
        _ body: (EvolutionChannel, SandboxState) async throws -> Void
    ) async throws {
        let sandbox = Sandbox(settings: settings)
        let ports = AsyncStream<Int>.makeStream()
        let group = ServiceGroup(
            services: [sandbox.service { ports.continuation.yield($0) }],
            logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() })
        async let end: Void = group.run()
        var iterator = ports.stream.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let client = SharedHTTPClient()
        try await body(try Self.channel(port: port, timeout: timeout, client), sandbox.state)
        try await client.shutDown()
        await group.triggerGracefulShutdown()
        try await end
    }

    private static func channel(port: Int, timeout: String, _ client: SharedHTTPClient) throws -> EvolutionChannel {
        let configuration = try CardumeConfiguration(
            yaml: """
                channels: { "loja são/1": { kind: evolution, base_url: "http://127.0.0.1:\(port)/", key: k, timeout: \(timeout) } }
                """, file: "c", environment: [:])
        return EvolutionChannel(settings: configuration.channels[0], client: client)
    }

    private static func intent(_ text: String = "olá \"mundo\"") -> SendIntent {
        SendIntent(
            id: SendIntent.ID(conversation: "loja são/1:5534", turn: "m", part: 0),
            replyAddress: "553499990001@s.whatsapp.net", text: text, traceID: "", state: .sending, attempts: 1,
            attemptedAt: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)))
    }

    @Test func sendsAndFindsItAgain() async throws {
        try await Self.withChannel { channel, state in
            let outcome = await channel.send(Self.intent())
            let sent = try #require(state.sends.first)
            #expect(outcome == .accepted(providerID: sent.id))
            #expect(sent.instance == "loja são/1")
            #expect(sent.number == "553499990001@s.whatsapp.net")
            #expect(await channel.reconcile(Self.intent(), known: []) == .found(providerID: sent.id))
            #expect(await channel.reconcile(Self.intent(), known: [sent.id]) == .absent)
            #expect(await channel.reconcile(Self.intent("outra"), known: []) == .absent)
        }
    }

    @Test func findsItAmongManyPages() async throws {
        try await Self.withChannel { channel, state in
            let intent = Self.intent("a primeira")
            _ = await channel.send(intent)
            for index in 0..<120 { _ = await channel.send(Self.intent("\(index)")) }
            let first = try #require(state.sends.first)
            #expect(await channel.reconcile(intent, known: []) == .found(providerID: first.id))
        }
    }

    @Test(arguments: [
        (SandboxSettings.SendFault.refused, false, "refused"), (.unavailable, false, "unavailable"),
        (.errorAfterSend, true, "unknown"), (.hangAfterSend, true, "unknown"), (.errorBeforeSend, false, "unknown"),
    ])
    func faultsAreSorted(_ fault: SandboxSettings.SendFault, _ isSent: Bool, _ expected: String) async throws {
        var settings = SandboxSettings()
        settings.sendFaults = 1
        settings.sendFault = fault
        settings.hang = .seconds(2)
        try await Self.withChannel(settings) { channel, state in
            let outcome = await channel.send(Self.intent())
            #expect(String(describing: outcome).hasPrefix(expected), "\(outcome)")
            #expect(state.sends.count == (isSent ? 1 : 0))
        }
    }

    @Test func aClosedDoorIsKnownAtOnceNotToHaveSent() async throws {
        let client = SharedHTTPClient()
        let channel = try Self.channel(port: 1, timeout: "30s", client)
        let begin = ContinuousClock.now
        let outcome = await channel.send(Self.intent())
        #expect(String(describing: outcome).hasPrefix("unavailable"), "\(outcome)")
        #expect(begin.duration(to: .now) < .seconds(10), "it was tried until the timeout")
        #expect(String(describing: await channel.reconcile(Self.intent(), known: [])).hasPrefix("unavailable"))
        try await client.shutDown()
    }

    // MARK: The instance

    @Test(arguments: [("open", true), ("close", false), ("connecting", false)])
    func anInstanceIsUpWhenItSaysOpen(_ connection: String, _ isUp: Bool) async throws {
        var settings = SandboxSettings()
        settings.connectionState = connection
        try await Self.withChannel(settings) { channel, state in
            #expect(await channel.check() == (isUp ? .up : .down(reason: "the instance is \"\(connection)\"")))
            #expect(state.checks == 1)
        }
    }

    @Test func aWrongKeyOrNobodyThereIsDown() async throws {
        var settings = SandboxSettings()
        settings.key = "another"
        try await Self.withChannel(settings) { channel, _ in
            #expect(await channel.check() == .down(reason: "connectionState answered 401"))
        }
        let client = SharedHTTPClient()
        let nobody = try Self.channel(port: 1, timeout: "1s", client)
        #expect(await nobody.check().problem != nil)
        try await client.shutDown()
    }

    @Test func typingIsShownForAsLongAsAsked() async throws {
        try await Self.withChannel { channel, state in
            await channel.showTyping(for: Self.intent(), lasting: .milliseconds(50))
            let shown = try #require(state.presences.first)
            #expect(shown.instance == "loja são/1" && shown.number == "553499990001@s.whatsapp.net")
            #expect(shown.presence == "composing" && shown.delay == 50)
        }
    }
}
