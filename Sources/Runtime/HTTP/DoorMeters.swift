public import CardumeCore

/// What is measured at the doors.
public struct DoorMeters: Sendable {
    private let requests, webhooks, messages, refusals, rates: MetricVector<MetricCounter>
    private let duration: MetricVector<MetricHistogram>

    public init(_ registry: MetricsRegistry) {
        self.requests = registry.counters("cardume_http_requests_total")
        self.duration = registry.histograms("cardume_http_request_duration_seconds")
        self.webhooks = registry.counters("cardume_webhooks_total")
        self.messages = registry.counters("cardume_messages_received_total")
        self.refusals = registry.counters("cardume_messages_refused_total")
        self.rates = registry.counters("cardume_rate_limit_refusals_total")
        for dimension in RateDimension.allCases { _ = self.rates[dimension.rawValue] }
    }

    /// A caller is over its rate.
    public func limited(_ dimension: RateDimension) { self.rates[dimension.rawValue].add() }

    /// - Parameter route: as it is declared, with the names of its parameters; `nil` for a path that does not exist.
    func answered(_ route: String?, status: Int, after time: Duration) {
        self.requests[route ?? "none", "\(status)"].add()
        self.duration[route ?? "none"].observe(time)
    }

    /// - Parameter outcome: what its sender was told, or `rejected`.
    func webhook(_ outcome: String, from source: FrontDoorSettings.Source) {
        self.webhooks[source.rawValue, outcome].add()
    }

    /// A webhook came to nothing.
    func webhookFailed(_ error: any Error, from source: FrontDoorSettings.Source) {
        self.webhook((error as? APIError)?.webhookOutcome ?? "failed", from: source)
    }

    func received(_ message: InboundMessage, _ outcome: IntakeOutcome, from source: FrontDoorSettings.Source) {
        let name =
            switch outcome {
            case .appended: "queued"
            case .spooled: "spooled"
            case .duplicate: "duplicate"
            }
        self.messages[source.rawValue, message.conversation.channel.rawValue, name].add()
    }

    /// - Parameter reason: `overloaded`, `rate_limited`, `unknown_channel` or `store`.
    func refused(_ reason: String, from source: FrontDoorSettings.Source) { self.refusals[source.rawValue, reason].add() }
}

extension APIError {
    fileprivate var webhookOutcome: String {
        if self.isRefusal { return "refused" }
        switch self.status {
        case .unauthorized: return "unauthorized"
        case .badRequest, .contentTooLarge: return "rejected"
        default: return "failed"
        }
    }
}
