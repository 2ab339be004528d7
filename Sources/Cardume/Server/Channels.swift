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
        var channels: [ChannelID: any MessageChannel] = [:]
        var routed: [RoutedChannel] = []
    }

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
            if let known = state.channels[id] { return known }
            guard var settings = state.settings[id] ?? state.settings["*"] else { return nil }
            settings.id = id
            guard settings.kind != .console else { return self.console }
            let channel = self.routed(settings)
            state.channels[id] = channel
            state.routed.append(channel)
            return channel
        }
    }

    private func routed(_ settings: Settings) -> RoutedChannel {
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
            id: settings.id, servers: servers, settings: settings.gateways, breakers: self.breakers, clock: self.clock,
            observer: self.observer)
    }

    /// From now on these count. Sends that have begun keep the server they began with. A number whose addresses, keys or
    /// timeouts have changed begins its pace anew.
    func update(_ configuration: CardumeConfiguration) {
        let settings = Self.byName(configuration)
        self.state.withLock { state in
            let before = state.settings
            state.settings = settings
            for (index, channel) in state.routed.enumerated() {
                guard let new = settings[channel.id] ?? settings["*"] else { continue }
                if let old = before[channel.id] ?? before["*"], old.isReached(like: new) {
                    channel.update(new.gateways)
                } else {
                    var settings = new
                    settings.id = channel.id
                    let other = self.routed(settings)
                    state.routed[index] = other
                    state.channels[channel.id] = other
                }
            }
        }
    }

    /// All gateway servers in use.
    var status: [RoutedChannel.Status] { self.state.withLock { $0.routed }.flatMap { $0.status } }

    func run() async throws {
        let watch = GatewayWatch(channels: { self.state.withLock { $0.routed } }, clock: self.clock)
        await cancelWhenGracefulShutdown { await watch.run() }
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
