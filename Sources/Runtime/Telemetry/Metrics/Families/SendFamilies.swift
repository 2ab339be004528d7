extension MetricFamily {
    /// What goes out, and over what.
    static let sends: [MetricFamily] = [
        .init(
            "cardume_send_attempts_total", .counter,
            "Requests to a gateway server: `accepted`, `refused`, `unavailable` (certainly not sent) or `unknown`. The server is empty where the channel has one without a name.",
            labels: ["channel", "server", "outcome"]),
        .init(
            "cardume_send_attempt_duration_seconds", .histogram, "How long they took.", labels: ["channel"],
            buckets: Self.quickly),
        .init(
            "cardume_replies_total", .counter,
            "Replies that came to their end: `accepted`, `refused` or `parked` (in doubt for good).",
            labels: ["channel", "outcome"]),
        .init(
            "cardume_reply_delay_seconds", .histogram, "From a message's arrival until the gateway took the reply.",
            labels: ["assistant"], buckets: Self.slowly),
        .init("cardume_sends_in_doubt_total", .counter, "Replies that may or may not have been sent.", labels: ["channel"]),
        .init(
            "cardume_sends_reconciled_total", .counter,
            "Doubts that ended: `found` at the gateway, `resent` (a repeat is possible) or `parked`.",
            labels: ["channel", "outcome"]),
        .init("cardume_send_retries_total", .counter, "Replies that are sent again later.", labels: ["channel", "cause"]),
        .init("cardume_send_failovers_total", .counter, "Replies that went to another server.", labels: ["channel"]),
        .init(
            "cardume_breaker_state", .gauge,
            "1 for the state of the circuit breaker (`closed`, `open` or `half_open`), 0 for the others.",
            labels: ["breaker", "state"]),
        .init("cardume_breaker_changes_total", .counter, "Changes of a circuit breaker's state.", labels: ["breaker", "to"]),
        .init(
            "cardume_gateway_server_up", .gauge, "1 while the latest check found the number connected there.",
            labels: ["channel", "server"]),
        .init("cardume_gateway_server_weight", .gauge, "As configured.", labels: ["channel", "server"]),
        .init(
            "cardume_gateway_server_share", .gauge,
            "Its part of the number's conversations, among the servers that can be used now; 0 to 1.",
            labels: ["channel", "server"]),
    ]
}
