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
    private let metrics: MetricsRegistry
    private let logger: Logger

    /// - Parameter metrics: what `/metrics` shows.
    public init(
        settings: HTTPSettings, health: HealthMonitor, scaling: ScalingAPI, metrics: MetricsRegistry, logger: Logger
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
        router.add(middleware: AnswerMiddleware(logger: self.logger, door: nil, meters: DoorMeters(self.metrics), traces: nil))
        router.serve("/health", [.get: self.health.summary])
        router.serve("/health/live", [.get: self.health.live])
        router.serve("/health/ready", [.get: self.health.ready])
        let metrics = self.metrics
        router.serve("/metrics", [.get: { _, _ in Response(metrics: await metrics.page()) }])
        for (path, handlers) in self.scaling.routes { router.serve(path, handlers) }
        return Application(
            router: router, server: .http1(configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(90))),
            configuration: ApplicationConfiguration(
                address: .hostname(self.settings.host, port: self.settings.port), serverName: "cardume"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(group), logger: quiet)
    }
}
