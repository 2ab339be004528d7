import CardumeActors
import CardumeCore
import CardumeRuntime
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// A process that reads Redis and PostgreSQL and tells autoscalers what there is to do. Owns nothing, so that it lives when
/// there is no worker.
struct Exporter {
    private let configuration: CardumeConfiguration
    private let logger: Logger
    private let logLevel: Live<Logger.Level>
    private let loops: MultiThreadedEventLoopGroup
    private let storage: ClusterStorage
    private let live: LiveConfiguration
    private let health: HealthMonitor
    private let server: OperationsServer

    /// - Throws: a ``CommandFailure`` when an address is wrong.
    init(
        _ cluster: ClusterSettings, _ configuration: CardumeConfiguration, logger: Logger, logLevel: Live<Logger.Level>
    ) throws {
        self.configuration = configuration
        self.logger = logger
        self.logLevel = logLevel
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.loops = loops
        let metrics = MetricsRegistry()
        let storage = try ClusterStorage(
            cluster, configuration, loops: Array(loops.makeIterator()), hasDoors: false, isLogOptional: true,
            meters: StoreMeters(metrics), logger: logger)
        self.storage = storage
        let clock = SystemClock()
        let live = LiveConfiguration(
            configuration, store: storage.overrides, isShared: true, logger: logger, uptime: { clock.uptime })
        self.live = live
        self.health = HealthMonitor(version: Cardume.version, components: storage.components)
        let board = ScalingBoard(
            pools: { live.current.scaling.pools }, log: storage.log, members: { try await storage.leases.members() },
            clock: { clock.wallTime }, uptime: { clock.uptime }, prepare: { try await storage.prepareLog() })
        metrics.add(board, as: "scaling")
        metrics.add(ProcessSource(version: Cardume.version, role: "exporter", health: self.health), as: "process")
        for (name, source) in storage.sources { metrics.add(source, as: name) }
        self.server = OperationsServer(
            settings: configuration.http, health: self.health, scaling: ScalingAPI(board: board), metrics: metrics,
            logger: logger)
    }

    /// Serves until a signal.
    ///
    /// - Throws: a ``CommandFailure`` when it cannot start.
    func run(signals: [UnixSignal]) async throws {
        let http = self.configuration.http
        self.logger.notice(
            "starting",
            metadata: [
                "version": "\(Cardume.version)", "role": "exporter", "storage": "\(self.storage.description)",
                "pools": "\(self.configuration.scaling.pools.map(\.name).joined(separator: ", "))",
            ])
        let result: Result<Void, any Error>
        do {
            try await self.storage.whileOpen {
                try await self.live.start { self.logLevel.set(Logger.Level(rawValue: $0.logLevel) ?? .info) }
                try await self.serve(signals: signals)
            }
            result = .success(())
        } catch let failure as CommandFailure {
            result = .failure(failure)
        } catch let error as StoreError {
            result = .failure(CommandFailure("cannot read the live settings: \(error.message)"))
        } catch {
            result = .failure(CommandFailure(ServerFailure.describe(error, host: http.host, port: http.port)))
        }
        try? await self.loops.shutdownGracefully()
        try result.get()
        self.logger.notice("stopped")
    }

    private func serve(signals: [UnixSignal]) async throws {
        var quiet = self.logger
        quiet.logLevel = .critical
        let http = self.server.service(on: self.loops) { port in
            self.logger.notice("listening", metadata: ["url": "http://\(self.configuration.http.host):\(port)"])
            self.health.enter(.ready)
        }
        let services: [any Service] = [
            SecondSignal(signals: signals, logger: self.logger), Tuning(live: self.live), Doors(server: http),
            Draining(health: self.health),
        ]
        // As in ``Server``: an HTTP server that is cancelled may trap.
        let configured = services.map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(services: configured, gracefulShutdownSignals: signals, logger: quiet)
        ).run()
    }

    /// Readiness ends first.
    private struct Draining: Service {
        let health: HealthMonitor

        func run() async throws {
            try? await gracefulShutdown()
            self.health.enter(.draining)
        }
    }
}
