import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The whole program in one process: doors, log, conversations, ways out.
struct Server {
    let configuration: CardumeConfiguration
    let logger: Logger
    private let store: SQLiteStore
    private let client: SharedHTTPClient
    private let coordinator: Coordinator
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
        configuration: CardumeConfiguration, logger: Logger, format: LineLogHandler.Format,
        observer: any RuntimeObserver = CompositeObserver([]),
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws {
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
        let clock = SystemClock()
        let store = try Self.openStore(configuration)
        self.store = store
        // After what may fail: a client must not be dropped without being shut down.
        self.client = SharedHTTPClient()
        self.waiter = ReplyWaiter()
        self.loops = MultiThreadedEventLoopGroup(
            numberOfThreads: configuration.shards == 0 ? System.coreCount : configuration.shards)
        let models = Models(configuration, client: self.client)
        let channels = Channels(configuration, client: self.client, logger: logger, format: format)
        let routes = configuration.routes
        var settings = Dispatcher.Settings()
        settings.credits = configuration.credits
        settings.perConversation = configuration.conversationCredits
        settings.idleTime = configuration.idleTime
        let dispatcher = Dispatcher(
            assistants: configuration.assistants.map(\.assistant),
            shards: self.loops.makeIterator().map { Shard(executor: $0.executor) },
            settings: settings,
            environment: RuntimeEnvironment(
                log: store, journal: store,
                handler: ModelTurnHandler(model: { models[$0] }, menuText: { routes[$0]?.menuText }),
                channel: { channels[$0] },
                observer: CompositeObserver([LoggingObserver(logger: logger), self.waiter, observer]),
                clock: clock))
        self.coordinator = Coordinator(
            member: Member.ID(UUID().uuidString.lowercased()), leases: store, dispatcher: dispatcher)
        self.health = HealthMonitor(version: Cardume.version) { _ = try await store.load("health:check", contextMessages: 1) }
        let assistants = configuration.assistants.map(\.assistant.id)
        self.gateway = HTTPGateway(
            settings: configuration.http, intake: MessageIntake(log: store, routes: routes), journal: store,
            waiter: self.waiter, health: self.health,
            release: { conversation in
                try await store.lift(holdOn: conversation)
                try await store.announceLift(of: conversation, to: assistants)
            },
            clock: { clock.wallTime }, logger: logger)
    }

    private static func openStore(_ configuration: CardumeConfiguration) throws -> SQLiteStore {
        do {
            return try SQLiteStore(
                settings: SQLiteStore.Settings(
                    folder: configuration.dataFolder, partitionCount: configuration.partitionCount,
                    dedupeWindow: configuration.dedupeWindow, session: configuration.session,
                    assistants: Set(configuration.assistants.map(\.assistant.id))))
        } catch {
            throw CommandFailure(error.message)
        }
    }

    /// Serves until a signal, or until something fails for good.
    ///
    /// - Throws: a ``CommandFailure`` when it cannot start or go on.
    func run(signals: [UnixSignal]) async throws {
        self.announce()
        let http = self.gateway.service(on: self.loops) { port in
            self.logger.notice("listening", metadata: ["url": "http://\(self.configuration.http.host):\(port)"])
            await self.onListening(port)
        }
        var quiet = self.logger
        quiet.logLevel = .critical
        // Shut down in reverse order: first say so, then close the doors, then finish the work.
        var services: [any Service] = [
            Housekeeping(store: self.store, logger: self.logger), CoordinatorService(server: self),
            Doors(server: http),
            DrainNotice(health: self.health, waiter: self.waiter, logger: self.logger),
        ]
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
            await self.close()
            throw failure
        } catch {
            await self.close()
            let http = self.configuration.http
            throw CommandFailure(ServerFailure.describe(error, host: http.host, port: http.port))
        }
        await self.close()
        self.logger.notice("stopped")
    }

    private func close() async {
        try? await self.client.shutDown()
        self.store.close()
        try? await self.loops.shutdownGracefully()
    }

    private func announce() {
        let names = self.configuration.assistants.map { settings in
            "\(settings.assistant.id) (\(settings.model.map { "\($0.name) at \($0.baseURL)" } ?? "offline"))"
        }
        self.logger.notice(
            "starting",
            metadata: [
                "version": "\(Cardume.version)", "data_folder": "\(self.configuration.dataFolder)",
                "assistants": "\(names.joined(separator: ", "))",
                "channels": "\(self.configuration.channels.map { "\($0.id) (\($0.kind.rawValue))" }.joined(separator: ", "))",
            ])
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

        func run() async throws {
            let server = self.server
            let end = await withGracefulShutdownHandler {
                await server.coordinator.run(onReady: { server.health.enter(.ready) })
            } onGracefulShutdown: {
                server.coordinator.shutDown(within: server.configuration.shutdownDeadline)
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
