extension MetricFamily {
    /// What comes in, and what is turned away.
    static let doors: [MetricFamily] = [
        .init(
            "cardume_http_requests_total", .counter,
            "Requests answered, by route and status; `none` is a path that does not exist.",
            labels: ["route", "status"]),
        .init(
            "cardume_http_request_duration_seconds", .histogram, "From a request's head to its answer.", labels: ["route"],
            buckets: Self.quickly),
        .init(
            "cardume_webhooks_total", .counter,
            "Webhooks: `queued`, `duplicate` or `ignored`; `rejected` (makes no sense), `unauthorized`, `refused` (load or rate) or `failed`.",
            labels: ["source", "outcome"]),
        .init(
            "cardume_messages_received_total", .counter,
            "Messages that came through a door: `queued`, `spooled` or `duplicate`. Sources are `evolution`, `meta` and `api`.",
            labels: ["source", "channel", "outcome"]),
        .init(
            "cardume_messages_refused_total", .counter,
            "Calls whose messages were not all taken: `overloaded`, `rate_limited`, `unknown_channel` or `store`.",
            labels: ["source", "reason"]),
        .init(
            "cardume_rate_limit_refusals_total", .counter,
            "Requests over a caller's rate: `client`, `api_key`, `ip` or `phone`.",
            labels: ["dimension"]),
        .init(
            "cardume_load_level", .gauge,
            "1 for the assistant's load level (`low`, `medium`, `high` or `critical`), 0 for the others.",
            labels: ["assistant", "level"]),
        .init("cardume_overall_load_level", .gauge, "The same for the highest level that there is.", labels: ["level"]),
        .init("cardume_spool_messages", .gauge, "Messages on disk that wait for the log to come back."),
        .init("cardume_spool_bytes", .gauge, "What they take."),
        .init("cardume_spool_limit_bytes", .gauge, "What they may take."),
    ]
}
