/// What a webhook means to the runtime.
public struct NormalisedWebhook: Hashable, Sendable {
    /// To be appended, in this order.
    public var messages: [InboundMessage]
    /// News about the gateway and about messages sent earlier.
    public var notices: [GatewayNotice]
    /// Why nothing, or not everything, is appended; `nil` when all of it is.
    public var ignored: String?
    /// Why some part could not be interpreted while others could; `nil` when all could.
    public var dropped: String?

    public init(
        messages: [InboundMessage] = [], notices: [GatewayNotice] = [], ignored: String? = nil, dropped: String? = nil
    ) {
        self.dropped = dropped
        self.messages = messages
        self.notices = notices
        self.ignored = ignored
    }

    static func ignored(_ reason: String, notices: [GatewayNotice] = []) -> NormalisedWebhook {
        NormalisedWebhook(notices: notices, ignored: reason)
    }
}

public enum GatewayNotice: Hashable, Sendable {
    /// The fate of a message sent earlier, in the gateway's words.
    case delivery(messageID: String, status: String)
    /// The state of an Evolution instance (`open`, `connecting`, `close`, `refused`).
    case connection(instance: String, state: String)
}

/// What the runtime adds to a message: arguments, so that a normaliser stays a function of its input.
public struct Arrival: Sendable {
    public var receivedAt: Timestamp
    public var traceID: String

    public init(receivedAt: Timestamp, traceID: String) {
        self.receivedAt = receivedAt
        self.traceID = traceID
    }
}
