import CardumeCore
import CardumeTesting
import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import CardumeRuntime

/// The sandbox's model with a capacity, called over HTTP.
@Suite(.timeLimit(.minutes(1))) struct SandboxModelTests {
    private static func withModel(
        _ settings: SandboxSettings, _ body: (OpenAIModel, SandboxState) async throws -> Void
    ) async throws {
        let sandbox = Sandbox(settings: settings)
        let ports = AsyncStream<Int>.makeStream()
        let group = ServiceGroup(
            services: [sandbox.service { ports.continuation.yield($0) }],
            logger: Logger(label: "sandbox") { _ in SwiftLogNoOpLogHandler() })
        async let end: Void = group.run()
        var iterator = ports.stream.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let configuration = try CardumeConfiguration(
            yaml: "model: { base_url: \"http://127.0.0.1:\(port)/v1\", keyless: true }", file: "c", environment: [:])
        let client = SharedHTTPClient()
        let model = OpenAIModel(
            settings: try #require(configuration.assistants[0].model), client: client, uptime: { .zero })
        try await body(model, sandbox.state)
        try await client.shutDown()
        await group.triggerGracefulShutdown()
        try await end
    }

    private static func request(_ number: Int) -> ModelRequest {
        ModelRequest(
            assistant: "a", conversation: Conversation.ID(channel: "loja", contact: "1"), prompt: "",
            messages: [ContextMessage(role: .contact, text: "oi")], traceID: "\(number)")
    }

    private static func settings(_ milliseconds: Int) -> SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(milliseconds)...(.milliseconds(milliseconds))
        return settings
    }

    /// What it can do at once takes as long as one after the other.
    @Test func moreCallsThanItServesAtOnceTakeLonger() async throws {
        var settings = Self.settings(100)
        settings.modelCapacity = 2
        try await Self.withModel(settings) { model, _ in
            let elapsed = try await ContinuousClock().measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<8 { group.addTask { _ = try await model.complete(Self.request(number)) } }
                    try await group.waitForAll()
                }
            }
            #expect(elapsed >= .milliseconds(400))
        }
    }

    /// Calls that would take ever so long end as soon as there is room for them.
    @Test func aLargerCapacityCountsAtOnce() async throws {
        var settings = Self.settings(2_000)
        settings.modelCapacity = 1
        try await Self.withModel(settings) { model, state in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 { group.addTask { _ = try await model.complete(Self.request(number)) } }
                try await Waiting.until("all calls to have begun") { state.modelCalls == 40 }
                state.update { $0.modelCapacity = nil }
                try await group.waitForAll()
            }
        }
    }

    @Test func turnsAwayWhatIsTooMuch() async throws {
        var settings = Self.settings(5_000)
        settings.modelRefusesBeyond = 2
        try await Self.withModel(settings) { model, state in
            let waiting = (0..<2).map { number in Task { try await model.complete(Self.request(number)) } }
            try await Waiting.until("both calls to have begun") { state.modelCalls == 2 }
            let failure = await #expect(throws: TurnFailure.self) { _ = try await model.complete(Self.request(2)) }
            #expect(failure?.category == .rateLimit)
            #expect(failure?.retryAfter == .seconds(1))
            #expect(state.modelRefusals == 1)
            state.update { settings in
                settings.modelRefusesBeyond = nil
                settings.modelLatency = .zero ... .zero
            }
            _ = try await model.complete(Self.request(3))
            for call in waiting { call.cancel() }
        }
    }
}
