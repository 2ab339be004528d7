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
    private let storage: any Storage
    private let client: SharedHTTPClient
    private let coordinator: Coordinator?
    private let breakers: Breakers
    /// `nil` without conversations.
    private let channels: Channels?
    private let gateway: HTTPGateway
    private let health: HealthMonitor
    private let waiter: ReplyWaiter
    private let loops: MultiThreadedEventLoopGroup
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - observer: told of everything that happens, beside the log.
    ///   - onListening: called with the port once connections are accepted.
    /// - Throws: a ``CommandFailure`` when the store cannot be opened.
    init(
        _ role: Role = .everything, configuration: CardumeConfiguration, logger: Logger, format: LineLogHandler.Format,
        observer: any RuntimeObserver = CompositeObserver([]),
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        self.role = role
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
        let clock = SystemClock()
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: configuration.shards == 0 ? System.coreCount : configuration.shards)
        self.loops = loops
        let storage: any Storage =
            if let cluster = configuration.cluster {
                try ClusterStorage(cluster, configuration, loops: Array(loops.makeIterator()), logger: logger)
            } else {
                try EmbeddedStorage(configuration, clock: { clock.wallTime })
            }
        self.storage = storage
        // After what may fail: a client must not be dropped without being shut down.
        let client = SharedHTTPClient()
        self.client = client
        // Whoever answers may be another process.
        self.waiter = ReplyWaiter(journal: configuration.cluster == nil ? nil : storage.journal)
        self.health = HealthMonitor(version: Cardume.version, components: storage.components)
        let (log, journal) = (storage.log, storage.journal)
        let everyone = CompositeObserver([LoggingObserver(logger: logger), self.waiter, observer])
        let breakers = Breakers(settings: configuration.breakers, clock: clock, observer: everyone)
        self.breakers = breakers
        if role.hasConversations {
            let models = Models(configuration, client: client, breakers: breakers)
            let channels = Channels(
                configuration, client: client, breakers: breakers, clock: clock, observer: everyone,
                console: .replies(to: logger, format))
            self.channels = channels
            let routes = configuration.routes
            let environment = RuntimeEnvironment(
                log: log, journal: journal,
                handler: ModelTurnHandler(model: { models[$0] }, menuText: { routes[$0]?.menuText }),
                channel: { channels[$0] },
                observer: everyone, clock: clock)
            self.coordinator = Coordinator(
                leases: storage.leases, configuration: configuration,
                shards: loops.makeIterator().map { Shard(executor: $0.executor) }, environment: environment)
        } else {
            self.coordinator = nil
            self.channels = nil
        }
        let assistants = configuration.assistants.map(\.assistant.id)
        self.gateway = HTTPGateway(
            settings: configuration.http, intake: MessageIntake(log: log, routes: configuration.routes), journal: journal,
            waiter: self.waiter, health: self.health,
            conversations: ConversationOperations(
                assistants: assistants,
                release: { conversation in
                    try await journal.lift(holdOn: conversation)
                    try await log.announceLift(of: conversation, to: assistants)
                },
                transfer: { try await log.transfer(LogTransfer(of: $0, to: $1, at: clock.wallTime)) }),
            clock: { clock.wallTime }, logger: logger)
    }

    /// Serves until a signal, or until something fails for good.
    ///
    /// - Throws: a ``CommandFailure`` when it cannot start or go on.
    func run(signals: [UnixSignal]) async throws {
        AllocatorStatistics.giveBackInBackground()
        self.announce()
        do {
            try await self.storage.whileOpen { try await self.serve(signals: signals) }
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
            await self.onListening(port)
        }
        var quiet = self.logger
        quiet.logLevel = .critical
        // Shut down in reverse order: first say so, then close the doors, then finish the work.
        var services: [any Service] = [Housekeeping(storage: self.storage, logger: self.logger)]
        if let coordinator = self.coordinator {
            if let channels = self.channels { services.append(channels) }
            services.append(CoordinatorService(server: self, coordinator: coordinator))
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

    /// Hands changed settings on to the parts that use them. Called whenever the effective configuration has changed.
    func apply(_ configuration: CardumeConfiguration) {
        self.breakers.update(configuration.breakers)
        self.channels?.update(configuration)
    }

    private func close() async {
        try? await self.client.shutDown()
        try? await self.loops.shutdownGracefully()
    }

    private func announce() {
        let names = self.configuration.assistants.map { settings in
            "\(settings.assistant.id) (\(settings.model.map { "\($0.name) at \($0.baseURL)" } ?? "offline"))"
        }
        self.logger.notice(
            "starting",
            metadata: [
                "version": "\(Cardume.version)", "role": "\(self.role.rawValue)", "storage": "\(self.storage.description)",
                "assistants": "\(names.joined(separator: ", "))",
                "channels": "\(self.configuration.channels.map { "\($0.id) (\($0.kind.rawValue))" }.joined(separator: ", "))",
            ])
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
                self.coordinator.shutDown(within: server.configuration.shutdownDeadline)
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
        var settings = Dispatcher.Settings()
        settings.credits = configuration.credits
        settings.perConversation = configuration.conversationCredits
        settings.idleTime = configuration.idleTime
        let cluster = configuration.cluster
        let assistants = configuration.assistants.map(\.assistant).filter { assistant in
            cluster.map { $0.queues.isEmpty || $0.queues.contains(assistant.id) } ?? true
        }
        let dispatcher = Dispatcher(
            assistants: assistants, shards: shards, settings: settings, environment: environment)
        let host = ProcessInfo.processInfo.hostName.prefix { $0 != "." }
        self.init(
            member: Member.ID("\(host)-\(UUID().uuidString.lowercased().prefix(8))"), leases: leases, dispatcher: dispatcher,
            interval: cluster?.interval ?? .milliseconds(500), handoverDeadline: cluster?.handoverDeadline ?? .seconds(10))
    }
}
