import CardumeCore
import HTTPTypes
public import Hummingbird
import HummingbirdCore
public import Logging
public import NIOCore

/// The doors of a process that only tells: health, metrics, the scaling signal.
public struct OperationsServer: Sendable {
    private let settings: HTTPSettings
    private let health: HealthMonitor
    private let scaling: ScalingAPI
    private let metrics: any MetricSource
    private let logger: Logger

    /// - Parameter metrics: what `/metrics` shows.
    public init(
        settings: HTTPSettings, health: HealthMonitor, scaling: ScalingAPI, metrics: any MetricSource, logger: Logger
    ) {
        self.settings = settings
        self.health = health
        self.scaling = scaling
        self.metrics = metrics
        self.logger = logger
    }

    /// The server, ready to run.
    ///
    /// - Parameter onListening: called with the port once connections are accepted.
    public func service(
        on group: any EventLoopGroup, onListening: @escaping @Sendable (Int) async -> Void
    ) -> some ApplicationProtocol {
        var quiet = Logger(label: "cardume.http")
        quiet.logLevel = .critical
        let router = Router(context: GatewayContext.self)
        router.add(middleware: AnswerMiddleware(logger: self.logger, door: nil))
        router.serve("/health", [.get: self.health.summary])
        router.serve("/health/live", [.get: self.health.live])
        router.serve("/health/ready", [.get: self.health.ready])
        router.serve("/metrics", [.get: self.showMetrics])
        for (path, handlers) in self.scaling.routes { router.serve(path, handlers) }
        return Application(
            router: router, server: .http1(configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(90))),
            configuration: ApplicationConfiguration(
                address: .hostname(self.settings.host, port: self.settings.port), serverName: "cardume"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(group), logger: quiet)
    }

    private func showMetrics(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let samples = Dictionary(grouping: await self.metrics.samples(), by: \.name)
        let families = MetricFamily.scaling.compactMap { family in
            samples[family.name].map { samples in
                (["# HELP \(family.name) \(family.help)", "# TYPE \(family.name) \(family.kind.rawValue)"]
                    + samples.map { Self.line($0, of: family) }).joined(separator: "\n")
            }
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: families.joined(separator: "\n") + "\n")))
    }

    private static func line(_ sample: MetricSample, of family: MetricFamily) -> String {
        func escaped(_ text: String) -> String {
            text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        }
        let labels = family.labels.map { "\($0)=\"\(escaped(sample.labels[$0] ?? ""))\"" }.joined(separator: ",")
        return "\(sample.name){\(labels)} \(sample.value)"
    }
}
