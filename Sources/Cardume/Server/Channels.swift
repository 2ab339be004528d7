import CardumeActors
import CardumeCore
import CardumeRuntime
import Logging
import ServiceLifecycle
import Synchronization

/// The way out to each number. As a service, it has gateway servers checked.
final class Channels: Service {
    private typealias Settings = CardumeConfiguration.ChannelSettings

    private struct State {
        /// By name; `*` for all others.
        var settings: [ChannelID: Settings]
        /// Those that have a name in the configuration.
        var named: [ChannelID: RoutedChannel] = [:]
        /// Those that `*` stands for: as many numbers as messages come from.
        var others = Generations<ChannelID, RoutedChannel>(limit: Channels.limit)

        var routed: [RoutedChannel] { Array(self.named.values) + self.others.values }
    }

    /// Channels without a name in the configuration that are kept at most.
    private static let limit = 4_096
    /// One of them that nothing was sent through for so long is forgotten, after twice the time at the latest: its breakers, its
    /// pace and its health checks with it.
    private static let idleTime: Duration = .seconds(3600)

    private let state: Mutex<State>
    private let client: SharedHTTPClient
    private let breakers: Breakers
    private let clock: any RuntimeClock
    private let observer: any RuntimeObserver
    private let console: ConsoleChannel
    private let meters: SendMeters?

    /// - Parameter meters: what sends are counted in; `nil`, the default, for nothing.
    init(
        _ configuration: CardumeConfiguration, client: SharedHTTPClient, breakers: Breakers, clock: any RuntimeClock,
        observer: any RuntimeObserver, console: ConsoleChannel, meters: SendMeters? = nil
    ) {
        self.meters = meters
        self.state = Mutex(State(settings: Self.byName(configuration)))
        self.client = client
        self.breakers = breakers
        self.clock = clock
        self.observer = observer
        self.console = console
        for settings in configuration.channels where settings.id != "*" { _ = self[settings.id] }
    }

    private static func byName(_ configuration: CardumeConfiguration) -> [ChannelID: Settings] {
        Dictionary(uniqueKeysWithValues: configuration.channels.map { ($0.id, $0) })
    }

    /// The same each time; `nil` for a number that the configuration does not know.
    subscript(id: ChannelID) -> (any MessageChannel)? {
        self.state.withLock { state in
            if let known = state.named[id] ?? state.others[id] { return known }
            let named = state.settings[id]
            guard let settings = named ?? state.settings["*"] else { return nil }
            guard settings.kind != .console else { return self.console }
            let channel = self.routed(settings, as: id)
            if named == nil { state.others[id] = channel } else { state.named[id] = channel }
            return channel
        }
    }

    private func routed(_ settings: Settings, as id: ChannelID) -> RoutedChannel {
        var settings = settings
        settings.id = id
        let servers = settings.byServer.map { name, settings -> (String?, any MessageChannel) in
            let server: any MessageChannel =
                switch settings.kind {
                case .console: self.console
                case .evolution: EvolutionChannel(settings: settings, client: self.client)
                case .meta: MetaChannel(settings: settings, client: self.client)
                }
            guard let meters = self.meters else { return (name, server) }
            return (name, MeteredChannel(server, id: settings.id, server: name, meters: meters))
        }
        return RoutedChannel(
            id: id, servers: servers, settings: settings.gateways, breakers: self.breakers, clock: self.clock,
            observer: self.observer)
    }

    /// From now on these count. Sends that have begun keep the server they began with. A number whose addresses, keys or
    /// timeouts have changed begins its pace anew.
    func update(_ configuration: CardumeConfiguration) {
        let settings = Self.byName(configuration)
        self.state.withLock { state in
            let before = state.settings
            state.settings = settings
            for (id, channel) in state.named {
                guard let new = settings[id] else { continue }
                if before[id]?.isReached(like: new) == true {
                    channel.update(new.gateways)
                } else {
                    state.named[id] = self.routed(new, as: id)
                }
            }
            guard let new = settings["*"] else { return }
            if before["*"]?.isReached(like: new) == true {
                for channel in state.others.values { channel.update(new.gateways) }
            } else {
                state.others = Generations(limit: Self.limit)
            }
        }
    }

    /// All gateway servers in use.
    var status: [RoutedChannel.Status] { self.state.withLock { $0.routed }.flatMap { $0.status } }

    func run() async throws {
        let watch = GatewayWatch(channels: { self.state.withLock { $0.routed } }, clock: self.clock)
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await watch.run() }
                while (try? await self.clock.sleep(for: Self.idleTime)) != nil { self.state.withLock { $0.others.age() } }
                group.cancelAll()
            }
        }
    }
}

extension ConsoleChannel {
    static func replies(to logger: Logger, _ format: LineLogHandler.Format) -> ConsoleChannel {
        ConsoleChannel { intent in
            switch format {
            case .text: StandardOutput.write("→ \(intent.replyAddress): \(intent.text)")
            case .json: logger.notice("reply", metadata: ["to": "\(intent.replyAddress)", "text": "\(intent.text)"])
            }
        }
    }
}
