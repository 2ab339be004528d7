public import CardumeCore
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
    private let watch: @Sendable () -> [WatchStatus]
    /// An answer that takes longer is a sign of trouble.
    private static let slow: Duration = .seconds(1)

    /// - Parameters:
    ///   - components: what the process cannot work without, each with a quick look whether it answers.
    ///   - load: shown, too. Defaults to `nil`.
    ///   - spool: shown, too. Defaults to `nil`.
    ///   - watch: what the process finds about itself. One that is unhealthy makes `/health/live` fail. Defaults to nothing.
    public init(
        version: String, components: [(name: String, check: @Sendable () async throws -> Void)], load: LoadMeter? = nil,
        spool: MessageSpool? = nil, watch: @escaping @Sendable () -> [WatchStatus] = { [] }
    ) {
        self.version = version
        self.components = components
        self.load = load
        self.spool = spool
        self.watch = watch
    }

    public var currentPhase: Phase { self.phase.withLock { $0 } }

    public func enter(_ phase: Phase) {
        self.phase.withLock { $0 = phase }
    }

    private struct Summary: Encodable {
        struct Component: Encodable {
            let status: String
            /// Of those that were asked.
            var response_ms: Double?
            var error: String?
        }
        /// `healthy`, `degraded` or `unhealthy`.
        let status: String
        /// For people.
        let summary: String
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

    /// `GET /health`: the process and its components. 503 when a component is unhealthy; one that is degraded still works.
    func summary(_ request: Request, _ context: HTTPGateway.Context) async throws -> Response {
        var findings = await self.askComponents() + self.watch().map { ($0, nil) }
        if let stale = self.load?.staleness {
            findings.append((WatchStatus(name: "load", grade: .degraded, problem: "not known now: \(stale)"), nil))
        }
        if let spool = self.spool, spool.contents.messages > 0 {
            let waiting = "\(spool.contents.messages) messages wait on disk for the log"
            findings.append((WatchStatus(name: "spool", grade: .degraded, problem: waiting), nil))
        }
        let grade = findings.map(\.status.grade).max() ?? .healthy
        let problems = findings.compactMap { finding in finding.status.problem.map { "\(finding.status.name): \($0)" } }
        let components = findings.map { status, elapsed in
            (
                status.name,
                Summary.Component(
                    status: status.grade.rawValue,
                    response_ms: elapsed.map { ($0.seconds * 1_000_000).rounded() / 1_000 }, error: status.problem)
            )
        }
        return try JSONAnswer(
            status: grade == .unhealthy ? .serviceUnavailable : .ok,
            Summary(
                status: grade.rawValue, summary: problems.isEmpty ? "all is well" : problems.joined(separator: "; "),
                phase: self.phase.withLock { $0.rawValue },
                version: self.version,
                uptime_seconds: Int(self.startedAt.duration(to: .now).components.seconds),
                components: Dictionary(components) { first, _ in first }, load: self.load.map(Summary.Load.init),
                spool: self.spool.map(Summary.Spool.init))
        ).response(from: request, context: context)
    }

    /// All at once: one that does not answer must not make the others wait.
    private func askComponents() async -> [(status: WatchStatus, elapsed: Duration?)] {
        await withTaskGroup(of: (status: WatchStatus, elapsed: Duration?).self) { group in
            for (name, check) in self.components { group.addTask { await Self.ask(name, check) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static func ask(
        _ name: String, _ check: () async throws -> Void
    ) async -> (status: WatchStatus, elapsed: Duration?) {
        let begin = ContinuousClock.now
        var status = WatchStatus(name: name)
        do { try await check() } catch { status = WatchStatus(name: name, grade: .unhealthy, problem: "\(error)") }
        let elapsed = begin.duration(to: .now)
        if status.grade == .healthy, elapsed > Self.slow {
            status = WatchStatus(name: name, grade: .degraded, problem: "answers slowly")
        }
        return (status, elapsed)
    }

    private struct Liveness: Encodable {
        let status: String
        var problems: [String]?
    }

    /// `GET /health/live`: the process answers, its threads turn, and what is to be read is read. Stores that do not answer
    /// change nothing: a restart would not bring them back.
    func live(_ request: Request, _ context: HTTPGateway.Context) async throws -> Response {
        let problems = self.watch().filter { $0.grade == .unhealthy }.map { "\($0.name): \($0.problem ?? "")" }
        return try JSONAnswer(
            status: problems.isEmpty ? .ok : .serviceUnavailable,
            problems.isEmpty ? Liveness(status: "live") : Liveness(status: "stuck", problems: problems)
        ).response(from: request, context: context)
    }

    /// `GET /health/ready`: started and not draining.
    func ready(_ request: Request, _ context: HTTPGateway.Context) async throws -> Response {
        let phase = self.phase.withLock { $0 }
        return try JSONAnswer(status: phase == .ready ? .ok : .serviceUnavailable, ["status": phase.rawValue])
            .response(from: request, context: context)
    }
}
