public import CardumeCore
import Synchronization

/// A number served by one or more gateway servers: chooses one for each reply, keeps away from those that are not well, and
/// keeps the number's pace.
///
/// A reply in doubt is a matter of the server that may have sent it: that one is asked, and that one gets the resend.
public final class RoutedChannel: MessageChannel {
    /// A server as it is now, for people.
    public struct Status: Hashable, Sendable {
        public let channel: ChannelID
        public let server: String?
        public let weight: Int
        /// Why it is not used, as the latest check says; `nil` while it is.
        public let problem: String?
        /// The name of its circuit breaker.
        public let breaker: String
        /// How a reply finds its server among the channel's.
        public let policy: GatewayRouter.Policy
        /// The number's pace through this process; see ``TokenBucket/Settings/perMinute``.
        public let repliesPerMinute: Int
    }

    private struct State {
        var settings: GatewaySettings
        var router: GatewayRouter
        var bucket: TokenBucket
    }

    public let id: ChannelID
    private let servers: [GatewayServer]
    private let state: Mutex<State>
    private let clock: any RuntimeClock
    private let observer: any RuntimeObserver
    private let random: @Sendable () -> UInt64

    /// - Parameter servers: at least one, with different names; `nil` names the only one of a channel that has no names for them.
    public init(
        id: ChannelID, servers: [(name: String?, channel: any MessageChannel)], settings: GatewaySettings,
        breakers: Breakers, clock: any RuntimeClock, observer: any RuntimeObserver,
        random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        precondition(!servers.isEmpty, "\(id): a channel needs a server")
        self.id = id
        self.servers = servers.map { name, channel in
            let breaker = breakers.breaker(.gateway, name.map { "\(id)/\($0)" } ?? "\(id)")
            return GatewayServer(name: name, channel: channel, breaker: breaker)
        }
        let router = GatewayRouter(policy: settings.policy, servers: Self.weighted(self.servers, settings))
        self.state = Mutex(State(settings: settings, router: router, bucket: TokenBucket(settings.pacing)))
        self.clock = clock
        self.observer = observer
        self.random = random
    }

    private static func weighted(_ servers: [GatewayServer], _ settings: GatewaySettings) -> [GatewayRouter.Server] {
        servers.map { GatewayRouter.Server(name: $0.name, weight: settings.weights[$0.name ?? ""] ?? 1) }
    }

    /// From now on these count. Weights of servers that are not there are passed over.
    public func update(_ settings: GatewaySettings) {
        self.state.withLock { state in
            if state.settings.pacing != settings.pacing { state.bucket.update(settings.pacing, at: self.clock.uptime) }
            state.settings = settings
            state.router.policy = settings.policy
            state.router.servers = Self.weighted(self.servers, settings)
        }
    }

    public var status: [Status] {
        let settings = self.state.withLock { $0.settings }
        return zip(self.servers, Self.weighted(self.servers, settings)).map { server, weighted in
            Status(
                channel: self.id, server: server.name, weight: weighted.weight, problem: server.problem,
                breaker: server.breaker.name, policy: settings.policy, repliesPerMinute: settings.pacing.perMinute)
        }
    }

    /// Asks those servers whose time has come whether the number is connected. Called about once a second; calls may overlap.
    public func checkServers() async {
        let interval = self.state.withLock { $0.settings.healthCheck }
        await withDiscardingTaskGroup { group in
            for server in self.servers {
                group.addTask {
                    guard let news = await server.checkIfDue(every: interval, clock: self.clock) else { return }
                    self.observer.record(
                        .gatewayChanged(self.id, server: server.name, problem: news.problem), assistant: nil)
                }
            }
        }
    }

    // MARK: MessageChannel

    public var maximumTextLength: Int { self.servers[0].channel.maximumTextLength }
    public var sendTimeout: Duration { self.servers[0].channel.sendTimeout }
    public var recordDelay: Duration { self.servers[0].channel.recordDelay }

    public var hasLead: Bool {
        let settings = self.state.withLock { $0.settings }
        return settings.pacing.perMinute > 0 || settings.typingPerCharacter > .zero
    }

    public func lead(for intent: SendIntent) -> SendLead {
        let now = self.clock.uptime
        var generator = FunctionGenerator(draw: self.random)
        return self.state.withLock { state in
            let settings = state.settings
            let typing = min(settings.typingPerCharacter * intent.text.count, settings.typingLimit)
            // The number's turn is when the reply goes, not when the typing begins.
            var turn = state.bucket.reserve(at: now + typing)
            if settings.pacing.perMinute > 0 {
                turn += .milliseconds(Int64.random(in: 0...settings.jitter.milliseconds, using: &generator))
            }
            return SendLead(pause: turn - typing - now, typing: typing)
        }
    }

    public func showTyping(for intent: SendIntent, lasting duration: Duration) async {
        let ready = self.readyServers
        let home = self.state.withLock { $0.router.home(of: intent.id.conversation) { ready.contains($0) } }
        guard let home, let server = self.server(home.name) else { return }
        await server.channel.showTyping(for: intent, lasting: duration)
    }

    public func route(_ intent: SendIntent, avoiding tried: Set<String?>) -> SendRoute {
        let now = self.clock.uptime
        let known = Dictionary(uniqueKeysWithValues: self.servers.map { ($0.name, $0.availability(at: now)) })
        let route = self.state.withLock { state in
            state.router.route(intent, avoiding: tried) { known[$0] ?? .ready }
        }
        guard case .postponed(let cause, let delay) = route else { return route }
        // However many wait, they come back one after the other.
        if case .breaker(let name) = cause {
            let breaker = self.servers.first { $0.breaker.name == name }?.breaker
            return .postponed(cause: cause, delay: breaker?.wait() ?? .zero)
        }
        var generator = FunctionGenerator(draw: self.random)
        return .postponed(cause: cause, delay: delay + .milliseconds(Int64.random(in: 0...2_000, using: &generator)))
    }

    public func send(_ intent: SendIntent) async -> SendOutcome {
        guard let server = self.server(intent.server) else {
            return .unavailable(reason: "channel \(self.id) has no server \(intent.server ?? "without a name") any more")
        }
        return await server.send(intent)
    }

    public func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        if let server = self.server(intent.server) { return await server.channel.reconcile(intent, known: known) }
        if let name = intent.server { return .impossible(reason: "channel \(self.id) has no server \(name) any more") }
        // From before the channel's servers had names: any of them.
        var answer: Reconciliation?
        for server in self.servers {
            switch await server.channel.reconcile(intent, known: known) {
            case .found(let id): return .found(providerID: id)
            case .unavailable(let reason): answer = .unavailable(reason: reason)
            case .absent: if answer == nil { answer = .absent }
            case .impossible(let reason): if answer == nil || answer == .absent { answer = .impossible(reason: reason) }
            }
        }
        return answer ?? .absent
    }

    private var readyServers: Set<String?> {
        let now = self.clock.uptime
        return Set(self.servers.filter { $0.availability(at: now) == .ready }.map(\.name))
    }

    private func server(_ name: String?) -> GatewayServer? { self.servers.first { $0.name == name } }
}
