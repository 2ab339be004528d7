import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The whole program in one process, or a part of it: doors, log, conversations, ways out.
struct Server {
    enum Role: String {
        case everything = "run"
        /// Conversations without doors.
        case worker
        /// Doors without conversations.
        case gateway

        var hasDoors: Bool { self != .worker }
        var hasConversations: Bool { self != .gateway }
    }

    let role: Role
    let configuration: CardumeConfiguration
    let logger: Logger
    let storage: any Storage
    private let client: SharedHTTPClient
    /// `nil` where no spans are made.
    let tracing: TracePipeline?
    let coordinator: Coordinator?
    let breakers: Breakers
    /// What changes while it runs, with ``apply(_:)``.
    let live: LiveConfiguration
    let logLevel: Live<Logger.Level>
    let doors: Live<HTTPSettings>
    let routes: Live<RouteTable>
    let timeLimits: Live<TimeLimits>
    /// `nil` without conversations.
    let models: Models?
    let channels: Channels?
    private let gateway: HTTPGateway
    let meter: LoadMeter
    let door: FrontDoor
    let spool: MessageSpool?
    let health: HealthMonitor
    let scaling: ScalingBoard
    private let waiter: ReplyWaiter
    private let replays: ReplayRunner
    /// `nil` without conversations.
    let upkeep: UpkeepRunner?
    private let loops: MultiThreadedEventLoopGroup
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - observer: told of everything that happens, beside the log.
    ///   - logLevel: what `logger` obeys.
    ///   - metrics: what is counted in; `nil`, the default, for nothing.
    ///   - onListening: called with the port once connections are accepted.
    /// - Throws: a ``CommandFailure`` when the store cannot be opened.
    init(
        _ role: Role = .everything, configuration: CardumeConfiguration, logger: Logger, format: LineLogHandler.Format,
        observer: any RuntimeObserver = CompositeObserver([]), logLevel: Live<Logger.Level> = Live(.info),
        metrics: MetricsRegistry? = nil, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        self.role = role
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
        self.logLevel = logLevel
        self.doors = Live(configuration.http)
        let routes = Live(configuration.routes)
        self.routes = routes
        let clock = SystemClock()
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: configuration.shards == 0 ? System.coreCount : configuration.shards)
        self.loops = loops
        let storeMeters = metrics.map { StoreMeters($0) }
        let storage: any Storage =
            if let cluster = configuration.cluster {
                try ClusterStorage(
                    cluster, configuration, loops: Array(loops.makeIterator()), hasDoors: role.hasDoors,
                    isLogOptional: role == .gateway && configuration.frontDoor.spoolFolder != nil,
                    meters: storeMeters, logger: logger)
            } else {
                try EmbeddedStorage(configuration, meters: storeMeters, clock: { clock.wallTime })
            }
        self.storage = storage
        self.spool = try role.hasDoors && configuration.cluster != nil ? Self.spool(configuration, storage, logger) : nil
        // After what may fail: a client must not be dropped without being shut down.
        let tracing = configuration.traces.map {
            TracePipeline($0, version: Cardume.version, role: role.rawValue, logger: logger)
        }
        self.tracing = tracing
        let client = SharedHTTPClient(traces: tracing?.traces)
        self.client = client
        // Whoever answers may be another process.
        self.waiter = ReplyWaiter(journal: configuration.cluster == nil ? nil : storage.journal)
        let (log, journal) = (storage.log, storage.journal)
        let changes = metrics?.counters("cardume_setting_changes_total")[]
        self.live = LiveConfiguration(
            configuration, store: storage.overrides, isShared: configuration.cluster != nil, logger: logger,
            uptime: { clock.uptime }, onChange: { changes?.add() })
        let counting: [any RuntimeObserver] =
            metrics.map { metrics in
                let working = role.hasConversations ? configuration.servedAssistants.map(\.id) : []
                return [MetricsObserver(metrics, assistants: working)]
            } ?? []
        let everyone = CompositeObserver([LoggingObserver(logger: logger), self.waiter, observer] + counting)
        let isCluster = configuration.cluster != nil
        let ownLoad = Live<@Sendable () -> [AssistantID: Int]>({ [:] })
        let demand = DemandReadings()
        let meter = LoadMeter(
            configuration.frontDoor.capacities, depths: { try await demand.depths { try await log.depths() }.byAssistant }
        ) {
            // One process has all conversations; of several, each says what it is doing.
            try await demand.inFlight { isCluster ? try await storage.leases.members().inFlight : ownLoad.value() }
        }
        self.meter = meter
        let timeLimits = Live(configuration.timeLimits)
        self.timeLimits = timeLimits
        let breakers = Breakers(settings: configuration.breakers, clock: clock, observer: everyone)
        self.breakers = breakers
        if role.hasConversations {
            let models = Models(
                configuration, client: client, breakers: breakers, counter: storage.budgets, usage: storage.usage, clock: clock,
                meters: metrics.map { ModelMeters($0) }, isLoadHigh: { meter.level >= .high })
            let channels = Channels(
                configuration, client: client, breakers: breakers, clock: clock, observer: everyone,
                console: .replies(to: logger, format), meters: metrics.map { SendMeters($0) })
            (self.models, self.channels) = (models, channels)
            var environment = RuntimeEnvironment(
                log: log, journal: journal,
                handler: ModelTurnHandler(model: { models[$0] }, menuText: { routes.value[$0]?.menuText }),
                channel: { channels[$0] },
                observer: everyone, clock: clock)
            environment.traces = tracing?.traces
            environment.timeLimit = { timeLimits.value[meter.level(of: $0)] }
            self.coordinator = Coordinator(
                leases: storage.leases, configuration: configuration,
                shards: loops.makeIterator().map { Shard(executor: $0.executor) }, environment: environment)
        } else {
            (self.coordinator, self.models, self.channels) = (nil, nil, nil)
        }
        let dispatcher = self.coordinator?.dispatcher
        let coordinator = self.coordinator
        if let coordinator { ownLoad.set { coordinator.load.mapValues(\.inFlight) } }
        self.health = HealthMonitor(
            version: Cardume.version, components: storage.components, load: self.meter, spool: self.spool,
            watch: { (coordinator?.surveyor.status ?? []) + storage.watch })
        let live = self.live
        let scaling = ScalingBoard(
            pools: { live.current.scaling.pools }, log: log,
            // One process is all there is, or all say what they do.
            members: { isCluster ? try await storage.leases.members() : [coordinator?.membership].compactMap(\.self) },
            clock: { clock.wallTime }, uptime: { clock.uptime })
        self.scaling = scaling
        let doorMeters = role.hasDoors ? metrics.map { DoorMeters($0) } : nil
        self.door = FrontDoor(
            configuration.frontDoor, meter: self.meter, limiter: storage.limiter, onLimited: { doorMeters?.limited($0) })
        let spool = self.spool
        let intake = MessageIntake(routes: routes, door: self.door) { messages in
            if let spool { return try await spool.append(messages) }
            return try await log.append(messages).map(IntakeOutcome.init)
        }
        let assistants = configuration.assistants.map(\.assistant.id)
        let queues = configuration.assistants.flatMap(\.assistant.queues)
        let release: ReplayRunner.Lift = { conversation in
            try await journal.lift(holdOn: conversation)
            try await log.announceLift(of: conversation, to: queues)
        }
        let operations = ConversationOperations(
            assistants: assistants, release: release,
            transfer: { try await log.transfer(LogTransfer(of: $0, to: QueueID($1), at: clock.wallTime)) })
        let now: @Sendable () -> Moment = { Moment(wallTime: clock.wallTime, uptime: clock.uptime) }
        self.replays = ReplayRunner(
            store: ReplayStore(storage.administration), log: log, name: UUID().uuidString, logger: logger, now: now,
            lift: release)
        self.upkeep =
            role.hasConversations
            ? UpkeepRunner(
                storage.site, configuration.upkeep, name: "\(ProcessInfo.processInfo.hostName)-\(UUID().uuidString)",
                program: "cardume \(Cardume.version)", logger: logger, meters: metrics.map { UpkeepMeters($0) },
                uptime: { clock.uptime }) : nil
        self.gateway = HTTPGateway(
            settings: self.doors, door: self.door, intake: intake, journal: journal,
            waiter: self.waiter, health: self.health,
            conversations: operations,
            admin: AdminAPI(
                live: self.live,
                explainer: ConversationExplainer(
                    member: self.coordinator?.id, log: log, journal: journal, leases: storage.leases, client: client,
                    clock: { clock.wallTime }, local: { await dispatcher?.explain($0) ?? [:] }),
                desk: AdminDesk(
                    database: storage.administration, analytics: storage.analytics, usage: storage.analyticsUsage, log: log,
                    backlog: storage.backlog,
                    leases: storage.leases, operations: operations, queues: queues),
                authenticator: AdminAuthenticator(now: now),
                sight: ProcessSight(
                    of: self.coordinator?.id.rawValue ?? Self.makeProcessName(), role: role, startedAt: clock.wallTime,
                    leases: storage.leases, client: client, breakers: breakers, channels: self.channels, metrics: metrics)
            ) { AdminStatus(role: role, dispatcher: dispatcher) },
            scaling: ScalingAPI(board: scaling), traces: tracing?.traces, clock: { clock.wallTime }, logger: logger,
            metrics: metrics)
        if let metrics { self.addSources(to: metrics, demand, queues: queues, clock: { clock.wallTime }) }
    }

    private static func spool(
        _ configuration: CardumeConfiguration, _ storage: any Storage, _ logger: Logger
    ) throws -> MessageSpool? {
        guard let folder = configuration.frontDoor.spoolFolder else { return nil }
        do throws(StoreError) {
            return try MessageSpool(
                folder: folder, limit: configuration.frontDoor.spoolBytes, patience: configuration.frontDoor.spoolPatience,
                log: storage.log, logger: logger
            ) { try await storage.prepareLog() }
        } catch {
            throw CommandFailure("spool.folder: \(error.message)")
        }
    }

    /// Serves until a signal, or until something fails for good.
    ///
    /// - Throws: a ``CommandFailure`` when it cannot start or go on.
    func run(signals: [UnixSignal]) async throws {
        AllocatorStatistics.giveBackInBackground()
        self.announce()
        do {
            try await self.storage.whileOpen {
                do throws(StoreError) {
                    try await self.live.start { await self.apply($0) }
                } catch {
                    throw CommandFailure("cannot read the live settings: \(error.message)")
                }
                try await self.serve(signals: signals)
            }
        } catch {
            await self.close()
            throw error
        }
        await self.close()
        self.logger.notice("stopped")
    }

    private func serve(signals: [UnixSignal]) async throws {
        let http = self.gateway.service(on: self.loops, doors: self.role.hasDoors) { port in
            self.logger.notice("listening", metadata: ["url": "http://\(self.configuration.http.host):\(port)"])
            self.coordinator?.advertise(
                self.configuration.explaining.address(
                    host: self.configuration.http.host, port: port, hostName: ProcessInfo.processInfo.hostName))
            await self.onListening(port)
        }
        var quiet = self.logger
        quiet.logLevel = .critical
        // Shut down in reverse order: first say so, then close the doors, then finish the work.
        var services: [any Service] = [
            Housekeeping(storage: self.storage, logger: self.logger), LoadWatch(meter: self.meter), Tuning(live: self.live),
            DeadLetterReplay(runner: self.replays),
        ]
        if let tracing = self.tracing { services.insert(TraceService(pipeline: tracing), at: 0) }
        if let spool = self.spool { services.append(SpoolReplay(spool: spool)) }
        // Before the conversations, so that it ends after them.
        if let models = self.models { services.append(ModelsService(models: models)) }
        if let upkeep = self.upkeep {
            let clock = SystemClock()
            services.append(Background { await upkeep.run { try await clock.sleep(for: $0) } })
        }
        if let coordinator = self.coordinator {
            if let channels = self.channels { services.append(channels) }
            services += [
                SurveyService(coordinator: coordinator), CoordinatorService(server: self, coordinator: coordinator),
            ]
        } else {
            self.health.enter(.ready)
        }
        services += [Doors(server: http), DrainNotice(health: self.health, waiter: self.waiter, logger: self.logger)]
        if !signals.isEmpty { services.insert(SecondSignal(signals: signals, logger: self.logger), at: 0) }
        // In good order after a failure, too: cancelling an HTTP server while somebody connects is a trap in SwiftNIO
        // ("Deinited NIOAsyncWriter without calling finish()").
        let configured = services.map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: configured, gracefulShutdownSignals: signals, logger: quiet))
        do {
            try await group.run()
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            let http = self.configuration.http
            throw CommandFailure(ServerFailure.describe(error, host: http.host, port: http.port))
        }
    }

    private func close() async {
        self.spool?.close()
        try? await self.client.shutDown()
        await self.tracing?.shutDown()
        try? await self.loops.shutdownGracefully()
    }

    private func announce() {
        let uses = self.configuration.modelUses
        let names = self.configuration.assistants.map { settings in
            let use = uses[settings.assistant.id]
            let models = use.map { $0.tiers.sorted { $0.key < $1.key }.map(\.value) + [$0.model].compactMap(\.self) } ?? []
            let described = models.map { "\($0.model.name) at \($0.model.baseURL)" }.joined(separator: ", ")
            return "\(settings.assistant.id) (\(described.isEmpty ? "offline" : described))"
        }
        self.logger.notice(
            "starting",
            metadata: [
                "version": "\(Cardume.version)", "role": "\(self.role.rawValue)", "storage": "\(self.storage.description)",
                "assistants": "\(names.joined(separator: ", "))",
                "channels": "\(self.configuration.channels.map { "\($0.id) (\($0.kind.rawValue))" }.joined(separator: ", "))",
            ])
        if !self.configuration.http.admin.isOpen {
            self.logger.notice("closed: no secret is configured", metadata: ["path": "/admin", "key": "admin.token"])
        }
        guard self.role.hasDoors else { return }
        let http = self.configuration.http
        let doors = [
            ("/v1", http.api.isOpen, http.api.secret == nil, "api.token"),
            ("/webhook/evolution", http.evolution.isOpen, http.evolution.secret == nil, "evolution_webhook.key"),
            ("/webhook/meta", http.meta.isOpen, http.meta.secret == nil, "meta_webhook.app_secret"),
        ]
        for (path, isOpen, lacksSecret, key) in doors {
            if isOpen {
                self.logger.warning("open to everybody, as configured", metadata: ["path": "\(path)"])
            } else if lacksSecret {
                self.logger.notice("closed: no secret is configured", metadata: ["path": "\(path)", "key": "\(key)"])
            }
        }
    }

    /// Runs conversations until shutdown, then lets them end.
    fileprivate struct CoordinatorService: Service {
        let server: Server
        let coordinator: Coordinator

        func run() async throws {
            let server = self.server
            let end = await withGracefulShutdownHandler {
                await self.coordinator.run(onReady: { server.health.enter(.ready) })
            } onGracefulShutdown: {
                self.coordinator.shutDown(within: server.live.current.shutdownDeadline)
            }
            switch end {
            case .stopped(isInTime: true): break
            case .stopped(isInTime: false):
                server.logger.warning("some turns did not end in time; their messages stay in the log")
            case .failed(let error):
                throw CommandFailure("cannot go on: \(error.message)")
            }
        }
    }
}

extension Coordinator {
    /// One that runs the configured assistants' conversations.
    fileprivate convenience init(
        leases: any LeaseStore, configuration: CardumeConfiguration, shards: [Shard], environment: RuntimeEnvironment
    ) {
        let cluster = configuration.cluster
        let dispatcher = Dispatcher(
            assistants: configuration.servedAssistants, lanes: configuration.lanes, shards: shards,
            settings: Dispatcher.Settings(configuration), environment: environment)
        self.init(
            member: Member.ID(Server.makeProcessName()), leases: leases, dispatcher: dispatcher,
            interval: cluster?.interval ?? .milliseconds(500),
            handoverDeadline: cluster?.handoverDeadline ?? Self.defaultHandoverDeadline)
    }
}
