import CardumeActors
import CardumeCore
import CardumeRuntime
import CardumeTesting
import Foundation
import NIOCore
import NIOPosix

/// The engine in this process, over a store in memory, with a model server of a certain capacity in a process of its own and
/// always more to do than that can serve.
final class LimitTrial: Sendable {
    enum Limit: Sendable {
        case fixed(Int)
        case adaptive(from: Int)
    }

    /// What a while of it was like.
    struct Measurement: Sendable {
        /// Turns at once that the assistant might run, looked at each second: the one in the middle.
        var limit: Double
        var leastLimit: Double
        var mostLimit: Double
        /// Turns that were journaled, per second.
        var goodput: Double
        /// Milliseconds: of the turns' last attempts.
        var p50: Double
        /// Share of the model calls that were turned away.
        var turnedAway: Double
    }

    static let ceiling = 400
    private static let conversations = 1_000
    private static let channel = OpenChannel()

    private let sandbox: BenchSandbox
    private let client: SharedHTTPClient
    private let loops = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
    private let backlog = Backlog(conversations: LimitTrial.conversations)
    private let dispatcher: Dispatcher
    private let coordinator: Coordinator

    /// - Parameter model: with its capacity.
    init(_ limit: Limit, model options: SandboxOptions) async throws {
        self.sandbox = try await BenchSandbox(options)
        let bulkhead =
            switch limit {
            case .fixed(let slots): "slots: \(slots), adaptive: false"
            case .adaptive(let start): "slots: \(Self.ceiling), adaptive: true, adaptive_start: \(start)"
            }
        let configuration = try CardumeConfiguration(
            yaml: """
                model: { base_url: "\(self.sandbox.url)/v1", keyless: true }
                assistants:
                  suporte: { \(bulkhead), context_turns: 0, backoff: 100ms, backoff_cap: 1s }
                """, file: "", environment: [:])
        let settings = configuration.assistants[0]
        guard let model = settings.model else { throw BenchFailure("no model is configured") }
        var assistant = settings.assistant
        // More than can be configured: no turn is to be given up here.
        assistant.retry.maximumAttempts = .max
        // After what may fail: a client must not be dropped without being shut down.
        self.client = SharedHTTPClient()
        let openAI = OpenAIModel(settings: model, client: self.client, uptime: { SystemClock().uptime })
        self.dispatcher = Dispatcher(
            assistants: [assistant], shards: self.loops.makeIterator().map { Shard(executor: $0.executor) },
            environment: RuntimeEnvironment(
                log: self.backlog.store, journal: self.backlog.store,
                handler: ModelTurnHandler(model: { _ in openAI }, menuText: { _ in nil }),
                channel: { _ in Self.channel }, observer: self.backlog))
        self.coordinator = Coordinator(member: "bench", leases: self.backlog.store, dispatcher: self.dispatcher)
    }

    /// Runs for as long as `body` measures.
    func run<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let running = Task { await self.coordinator.run() }
        let loading = Task { try await self.backlog.run() }
        let result = try await body()
        loading.cancel()
        // Nothing that runs now is worth its end.
        self.coordinator.shutDown(within: .zero)
        _ = await running.value
        try await self.client.shutDown()
        try await self.loops.shutdownGracefully()
        await self.sandbox.end()
        let troubles = self.backlog.troubles
        guard troubles.isEmpty else { throw BenchFailure("the run went wrong: \(troubles.joined(separator: "; "))") }
        return result
    }

    func resize(capacity: Int) { self.sandbox.resize(capacity: capacity) }

    func measure(seconds: Int) async throws -> Measurement {
        let (before, callsBefore, begin) = (self.backlog.count, try await self.sandbox.modelCalls(), ContinuousClock.now)
        _ = self.backlog.takeLatencies()
        var limits: [Int] = []
        for _ in 0..<seconds {
            try await ContinuousClock().sleep(for: .seconds(1))
            limits.append(self.limit)
        }
        let (after, callsAfter, elapsed) = (
            self.backlog.count, try await self.sandbox.modelCalls(), ContinuousClock.now - begin
        )
        let calls = callsAfter.calls - callsBefore.calls
        limits.sort()
        return Measurement(
            limit: Double(limits[limits.count / 2]), leastLimit: Double(limits[0]),
            mostLimit: Double(limits[limits.count - 1]), goodput: Double(after - before) / elapsed.seconds,
            p50: self.backlog.takeLatencies().milliseconds["p50"] ?? 0,
            turnedAway: Double(callsAfter.turnedAway - callsBefore.turnedAway) / Double(max(calls, 1)))
    }

    private var limit: Int {
        guard let limits = self.dispatcher.slots.values.first?.limits else { return 0 }
        return limits[.light].slots ?? limits.slots
    }
}
