public import CardumeCore

/// What is measured of gateways.
public struct SendMeters: Sendable {
    fileprivate let attempts: MetricVector<MetricCounter>
    fileprivate let duration: MetricVector<MetricHistogram>

    public init(_ registry: MetricsRegistry) {
        self.attempts = registry.counters("cardume_send_attempts_total")
        self.duration = registry.histograms("cardume_send_attempt_duration_seconds")
    }
}

/// A server behind a number, whose sends are counted and measured.
public struct MeteredChannel: MessageChannel {
    private let channel: any MessageChannel
    private let id: ChannelID
    private let server: String?
    private let meters: SendMeters

    /// - Parameter server: its name; `nil` where the number has one without.
    public init(_ channel: any MessageChannel, id: ChannelID, server: String?, meters: SendMeters) {
        self.channel = channel
        self.id = id
        self.server = server
        self.meters = meters
    }

    public func send(_ intent: SendIntent) async -> SendOutcome {
        let begin = ContinuousClock.now
        let outcome = await self.channel.send(intent)
        // No request was begun.
        guard let name = outcome.meterName else { return outcome }
        self.meters.attempts[self.id.rawValue, self.server ?? "", name].add()
        self.meters.duration[self.id.rawValue].observe(begin.duration(to: .now))
        return outcome
    }

    // MARK: The rest is the channel's

    public var maximumTextLength: Int { self.channel.maximumTextLength }
    public var sendTimeout: Duration { self.channel.sendTimeout }
    public var recordDelay: Duration { self.channel.recordDelay }
    public var hasLead: Bool { self.channel.hasLead }
    public func lead(for intent: SendIntent) -> SendLead { self.channel.lead(for: intent) }

    public func showTyping(for intent: SendIntent, lasting duration: Duration) async {
        await self.channel.showTyping(for: intent, lasting: duration)
    }

    public func route(_ intent: SendIntent, avoiding tried: Set<String?>) -> SendRoute {
        self.channel.route(intent, avoiding: tried)
    }

    public func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        await self.channel.reconcile(intent, known: known)
    }

    public func check() async -> GatewayCheck { await self.channel.check() }
}

extension SendOutcome {
    fileprivate var meterName: String? {
        switch self {
        case .accepted: "accepted"
        case .unavailable: "unavailable"
        case .refused: "refused"
        case .unknown: "unknown"
        case .postponed: nil
        }
    }
}
