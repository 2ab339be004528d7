import CardumeCore
import HTTPTypes
import Hummingbird
import Synchronization

/// What probes are told.
public final class HealthMonitor: Sendable {
    public enum Phase: String, Sendable {
        case starting
        case ready
        /// No new work is wanted; what runs is being finished.
        case draining
    }

    private let phase = Mutex(Phase.starting)
    private let startedAt = ContinuousClock.now
    private let version: String
    private let checkStore: @Sendable () async throws -> Void

    /// - Parameter checkStore: reads something from the store, to see whether it answers.
    public init(version: String, checkStore: @escaping @Sendable () async throws -> Void) {
        self.version = version
        self.checkStore = checkStore
    }

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
    }

    /// `GET /health`: the process and its components. 503 when a component is unhealthy.
    func summary(_ request: Request, _ context: HTTPGateway.Context) async throws -> Response {
        let begin = ContinuousClock.now
        var failure: String?
        do { try await self.checkStore() } catch { failure = "\(error)" }
        let elapsed = begin.duration(to: .now)
        let isHealthy = failure == nil
        return try JSONAnswer(
            status: isHealthy ? .ok : .serviceUnavailable,
            Summary(
                status: isHealthy ? "healthy" : "unhealthy",
                phase: self.phase.withLock { $0.rawValue },
                version: self.version,
                uptime_seconds: Int(self.startedAt.duration(to: .now).components.seconds),
                components: [
                    "store": Summary.Component(
                        status: isHealthy ? "healthy" : "unhealthy",
                        response_ms: (elapsed.seconds * 1_000_000).rounded() / 1_000, error: failure)
                ])
        ).response(from: request, context: context)
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
