extension ConfigurationKey {
    private static let queues = 0...100_000_000

    /// Load levels, rate limits and the spool.
    static let frontDoor: [ConfigurationKey] = Self.capacities + Self.reactions + Self.rateLimits + Self.proxies + Self.spool

    private static let capacities: [ConfigurationKey] = [
        .init(
            "load.queue_threshold", .integer(queues), default: "1000", alias: "QUEUE_THRESHOLD", isLive: true,
            "Unsettled messages of one assistant at which its load is critical. 0: they do not count."),
        .init(
            "load.pending_threshold", .integer(queues), default: "500", alias: "PENDING_THRESHOLD", isLive: true,
            "Turns of one assistant that run or wait for a slot, in all processes, at which its load is critical. 0: they do not count."
        ),
        .init(
            "load.max_queue_length", .integer(queues), default: "10000", alias: "MAX_QUEUE_LENGTH", isLive: true,
            "Unsettled messages of one assistant beyond which every door refuses more for it. 0: no limit."),
        .init(
            "load.total.queue_threshold", .integer(queues), default: "0", isLive: true,
            "The same for all assistants together. 0: off."),
        .init(
            "load.total.pending_threshold", .integer(queues), default: "0", isLive: true,
            "The same for all assistants together. 0: off."),
        .init(
            "load.total.max_queue_length", .integer(queues), default: "0", isLive: true,
            "The same for all assistants together. 0: off."),
        .init("assistants.*.load.queue_threshold", .integer(queues), isLive: true, "Overrides `load.queue_threshold`."),
        .init("assistants.*.load.pending_threshold", .integer(queues), isLive: true, "Overrides `load.pending_threshold`."),
        .init("assistants.*.load.max_queue_length", .integer(queues), isLive: true, "Overrides `load.max_queue_length`."),
    ]

    private static let reactions: [ConfigurationKey] = [
        .init(
            "load.on_critical.evolution", .choice(["accept", "reject"]), default: "accept", isLive: true,
            "What an Evolution webhook meets while the load is critical. It is repeated for some 20 minutes, then lost."),
        .init(
            "load.on_critical.meta", .choice(["accept", "reject"]), default: "accept", isLive: true,
            "What a Meta webhook meets while the load is critical. It is repeated for up to 7 days."),
        .init(
            "load.on_critical.api", .choice(["accept", "reject"]), default: "reject", isLive: true,
            "What a call of /v1/messages meets while the load is critical: 429 when rejected."),
    ]

    private static let perMinute = ConfigurationKey.Kind.integer(0...100_000)
    private static let perSecond = ConfigurationKey.Kind.integer(0...10_000)

    private static let rateLimits: [ConfigurationKey] =
        [
            .init(
                "rate_limits.per_minute", perMinute, default: "120", isLive: true, "Requests in any 60 seconds. 0: no limit."),
            .init(
                "rate_limits.burst", perSecond, default: "20", isLive: true,
                "Of them, in any one second. 0: as many as in 60."),
        ]
        + [
            ("api_key", "the token of /v1"), ("client", "what calls of /v1 name in `X-Client-ID`"),
            ("ip", "the address that calls of /v1 come from"),
        ].flatMap { name, caller -> [ConfigurationKey] in
            [
                .init(
                    "rate_limits.\(name).per_minute", perMinute, isLive: true,
                    "For \(caller). Overrides `rate_limits.per_minute`; 0: off."),
                .init(
                    "rate_limits.\(name).burst", perSecond, isLive: true, "For \(caller). Overrides `rate_limits.burst`."),
            ]
        } + [
            .init(
                "rate_limits.phone.per_minute", perMinute, isLive: true,
                "For one contact, through webhooks, too. Overrides `rate_limits.per_minute`; 0: off."),
            .init(
                "rate_limits.phone.burst", perSecond, default: "100", isLive: true,
                "For one contact. An album of 100 pictures arrives within a second."),
        ]

    private static let proxies: [ConfigurationKey] = [
        .init(
            "http.trusted_proxies", .text, default: "",
            "Addresses and networks (`10.0.0.0/8, 2001:db8::/32`) of proxies that say who is calling. Empty: none."),
        .init(
            "http.forwarded_header", .choice(["x-forwarded-for", "forwarded"]), default: "x-forwarded-for",
            "Where they say it. The other header is not read: they may hand on what a caller wrote there."),
    ]

    private static let spool: [ConfigurationKey] = [
        .init(
            "spool.folder", .text, default: "",
            """
            Where doors of a cluster keep messages while Redis is away; each process needs its own. Empty: they are refused. With \
            several gateways, let the balancer keep a conversation on one: each replays its own messages in order.
            """),
        .init(
            "spool.max_bytes", .integer(1 << 20...1 << 40), default: "1073741824", isLive: true,
            "Messages there at most, in bytes; then they are refused. The disk needs up to twice as much and 64 MiB more."),
        .init(
            "spool.patience", .duration(.milliseconds(10)...(.seconds(60))), default: "1s", isLive: true,
            "How long a message waits for Redis before it goes there."),
    ]
}
