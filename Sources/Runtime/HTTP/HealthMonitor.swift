import CardumeCore
import HTTPTypes
import Hummingbird
import Synchronization

/// What probes are told.
public final class HealthMonitor: Sendable {
    public enum Phase: String, Sendable, CaseIterable {
        case starting
        case ready
        /// No new work is wanted; what runs is being finished.
        case draining
    }

    private let phase = Mutex(Phase.starting)
    private let startedAt = ContinuousClock.now
    private let version: String
    private let components: [(name: String, check: @Sendable () async throws -> Void)]
    private let load: LoadMeter?
    private let spool: MessageSpool?

    /// - Parameters:
    ///   - components: what the process cannot work without, each with a quick look whether it answers.
    ///   - load: shown, too. Defaults to `nil`.
    ///   - spool: shown, too. Defaults to `nil`.
    public init(
        version: String, components: [(name: String, check: @Sendable () async throws -> Void)], load: LoadMeter? = nil,
        spool: MessageSpool? = nil
    ) {
        self.version = version
        self.components = components
        self.load = load
        self.spool = spool
    }

    public var currentPhase: Phase { self.phase.withLock { $0 } }

    public func enter(_ phase: Phase) {
        self.phase.withLock { $0 = phase }
    }

    private struct Summary: Encodable {
        struct Component: Encodable {
            let status: String
            let response_ms: Double
            var error: String?
        }
        /// `healthy` or `unhealthy`.
        let status: String
        let phase: String
        let version: String
        let uptime_seconds: Int
        let components: [String: Component]
        let load: Load?
        let spool: Spool?

        struct Load: Encodable {
            struct Queue: Encodable {
                let level: String
                let depth: Int
                let in_flight: Int
            }
            let level: String
            let queues: [String: Queue]
            /// Why these are not the latest figures.
            let stale: String?

            init(_ meter: LoadMeter) {
                let board = meter.board
                self.level = board.overall.level.rawValue
                self.stale = meter.staleness
                self.queues = Dictionary(
                    board.demands.map { assistant, demand in
                        (
                            assistant.rawValue,
                            Queue(level: board[assistant].level.rawValue, depth: demand.depth, in_flight: demand.inFlight)
                        )
                    }, uniquingKeysWith: { first, _ in first })
            }
        }

        struct Spool: Encodable {
            let messages: Int
            let bytes: Int
            let max_bytes: Int

            init(_ spool: MessageSpool) {
                (self.messages, self.bytes) = spool.contents
                self.max_bytes = spool.maximumBytes
            }
        }
    }

    /// `GET /health`: the process and its components. 503 when a component is unhealthy.
    func summary(_ request: Request, _ context: HTTPGateway.Context) async throws -> Response {
        var components: [String: Summary.Component] = [:]
        for (name, check) in self.components { components[name] = await Self.component(check) }
        let isHealthy = components.values.allSatisfy { $0.error == nil }
        return try JSONAnswer(
            status: isHealthy ? .ok : .serviceUnavailable,
            Summary(
                status: isHealthy ? "healthy" : "unhealthy",
                phase: self.phase.withLock { $0.rawValue },
                version: self.version,
                uptime_seconds: Int(self.startedAt.duration(to: .now).components.seconds),
                components: components, load: self.load.map(Summary.Load.init), spool: self.spool.map(Summary.Spool.init))
        ).response(from: request, context: context)
    }

    private static func component(_ check: () async throws -> Void) async -> Summary.Component {
        let begin = ContinuousClock.now
        var failure: String?
        do { try await check() } catch { failure = "\(error)" }
        let elapsed = begin.duration(to: .now)
        return Summary.Component(
            status: failure == nil ? "healthy" : "unhealthy", response_ms: (elapsed.seconds * 1_000_000).rounded() / 1_000,
            error: failure)
    }

    /// `GET /health/live`: the process answers.
    func live(_ request: Request, _ context: HTTPGateway.Context) async throws -> Response {
        try JSONAnswer(["status": "live"]).response(from: request, context: context)
    }

    /// `GET /health/ready`: started and not draining.
    func ready(_ request: Request, _ context: HTTPGateway.Context) async throws -> Response {
        let phase = self.phase.withLock { $0 }
        return try JSONAnswer(status: phase == .ready ? .ok : .serviceUnavailable, ["status": phase.rawValue])
            .response(from: request, context: context)
    }
}
