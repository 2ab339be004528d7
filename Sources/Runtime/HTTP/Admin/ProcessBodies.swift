public import CardumeCore

/// A gateway server as one process sees it.
public struct GatewayServerBody: Codable, Sendable {
    package let channel: String
    /// Missing where the channel has one without a name.
    package let server: String?
    let up: Bool
    /// Why it is not, as the latest check says.
    let problem: String?
    let weight: Int
    let policy: String
    /// Of the number, through this process; missing for no limit.
    let replies_per_minute: Int?
    let breaker: String

    /// - Parameter problem: `nil` while it is up.
    public init(
        channel: ChannelID, server: String?, problem: String?, weight: Int, policy: GatewayRouter.Policy,
        repliesPerMinute: Int, breaker: String
    ) {
        self.channel = channel.rawValue
        self.server = server
        self.up = problem == nil
        self.problem = problem
        self.weight = weight
        self.policy = policy.rawValue
        self.replies_per_minute = repliesPerMinute > 0 ? repliesPerMinute : nil
        self.breaker = breaker
    }
}

/// A circuit breaker of one process.
public struct BreakerBody: Codable, Sendable {
    public struct Opening: Codable, Sendable {
        let calls: Int
        let errors: Int

        public init(_ opening: CircuitBreaker.Opening) { (self.calls, self.errors) = (opening.calls, opening.errors) }
    }

    public struct Failure: Codable, Sendable {
        let at: String
        let reason: String

        public init(at: Timestamp, reason: String) { (self.at, self.reason) = (at.text, reason) }
    }

    public struct Limits: Codable, Sendable {
        let call_timeout_seconds: Double
        let error_ratio: Double
        let window_seconds: Double
        let minimum_calls: Int
        let open_seconds: Double
        let probes: Int

        public init(_ settings: CircuitBreaker.Settings) {
            self.call_timeout_seconds = settings.callTimeout.seconds
            self.error_ratio = settings.errorRatio
            self.window_seconds = settings.window.seconds
            self.minimum_calls = settings.minimumCalls
            self.open_seconds = settings.openFor.seconds
            self.probes = settings.probes
        }
    }

    let name: String
    let state: String
    /// When it opened, or became half-open; missing while closed.
    let since: String?
    let next_probe: String?
    /// Calls of the window, and those of them that failed.
    let calls: Int
    let errors: Int
    let running: Int
    let opening: Opening?
    let latest_failure: Failure?
    let limits: Limits

    public init(
        name: String, phase: CircuitBreaker.Phase, since: Timestamp?, nextProbe: Timestamp?, calls: Int, errors: Int,
        running: Int, opening: Opening?, latestFailure: Failure?, limits: Limits
    ) {
        self.name = name
        self.state = phase.rawValue
        (self.since, self.next_probe) = (since?.text, nextProbe?.text)
        (self.calls, self.errors, self.running) = (calls, errors, running)
        (self.opening, self.latest_failure, self.limits) = (opening, latestFailure, limits)
    }
}

/// What a process has done since it started. Only grows.
public struct TrafficBody: Codable, Sendable {
    /// Messages that have left their queue.
    let finished: Int
    let turns: Int
    /// Of the turns, those that failed; each attempt counts.
    let failed_turns: Int
    /// Replies that a gateway took.
    let replies: Int
    let dead_letters: Int

    /// - Parameter metrics: what counts all this anyway.
    public init(_ metrics: MetricsRegistry) {
        self.finished = metrics.total(of: "cardume_messages_finished_total")
        self.turns = metrics.total(of: "cardume_turn_duration_seconds")
        self.failed_turns = metrics.total(of: "cardume_turn_duration_seconds", where: "outcome", is: "failed")
        self.replies = metrics.total(of: "cardume_replies_total", where: "outcome", is: "accepted")
        self.dead_letters = metrics.total(of: "cardume_dead_letters_total")
    }
}

/// What one process has to say; of the last three, what was asked.
struct ProcessBody: Codable, Sendable {
    let process: String
    let role: String
    let started_at: String
    /// By its own clock.
    let at: String
    var gateways: [GatewayServerBody]?
    var breakers: [BreakerBody]?
    /// Missing where nothing is counted (`metrics.enabled`).
    var traffic: TrafficBody?
}

/// What all processes have to say, and who said nothing.
struct ProcessesBody: Codable, Sendable {
    struct Silent: Codable, Sendable {
        let process: String
        let problem: String
    }

    var processes: [ProcessBody]
    var silent: [Silent] = []
}
