import CardumeCore

extension ConfigurationKey {
    static let second = Duration.seconds(1)
    static let hour = Duration.seconds(3600)

    /// All keys there are, in the order in which documents show them.
    public static let all: [ConfigurationKey] =
        Self.process + Self.cluster + Self.doors + Self.frontDoor + Self.model("model") + Self.assistants + Self.bulkheads
        + Self.turns + Self.budgets + Self.channels + Self.routing + Self.tuning
        + Self.explaining + Self.administration + Self.metrics + Self.traces + Self.secrets + Self.scaling + Self.upkeep
        + Self.loadtest

    private static let process: [ConfigurationKey] = [
        .init("data_folder", .text, default: "./data", "Where the embedded log and journal are kept."),
        .init("partitions", .integer(1...4096), default: "64", "Partitions of each queue. Fixed when the log is created."),
        .init("shards", .integer(0...256), default: "0", "Threads that run conversations; 0 is one per core."),
        .init(
            "dedupe_window", .duration(.seconds(60)...hour * 720), default: "24h",
            "How long a message id is remembered. Meta repeats webhooks for up to 7 days: 168h is prudent there."),
        .init(
            "session", .duration(.seconds(60)...hour * 8760), default: "24h",
            "How long a silent conversation stays with its assistant."),
        .init(
            "credits", .integer(1...1_000_000), default: "512", isLive: true, "Messages one partition holds in memory at most."),
        .init(
            "conversation_credits", .integer(2...1_000_000), default: "32",
            isLive: true, "Of them, messages of one conversation at most; the rest wait in the log."),
        .init(
            "idle_time", .duration(second...hour), default: "60s", isLive: true,
            "How long a conversation without work stays in memory."),
        .init(
            "shutdown_deadline", .duration(.zero...hour), default: "25s",
            isLive: true, "Time given to running turns and sends at SIGTERM; what is not finished stays in the log."),
        .init(
            "log.level", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]), default: "info",
            isLive: true, "Least severe level that is logged."),
        .init("log.format", .choice(["auto", "json", "text"]), default: "auto", "auto: text on a terminal, JSON elsewhere."),
    ]

    private static let cluster: [ConfigurationKey] = [
        .init(
            "redis.url", .text, isSecret: true, alias: "REDIS_URL",
            "`redis://user:password@host:port/database`, or `rediss://` for TLS. With `database.url`: the cluster deployment."),
        .init("redis.cluster", .flag, default: "false", "The address is that of a node of a Redis Cluster."),
        .init("redis.ca_file", .text, "PEM file of the authorities trusted with `rediss://`, instead of the system's."),
        .init("redis.server_name", .text, "Name expected in the server's certificate, where it is not the host's."),
        .init("redis.prefix", .text, default: "cardume", "What all keys begin with. Without braces."),
        .init("redis.connect_timeout", .duration(.milliseconds(100)...second * 60), default: "3s", "For one connection."),
        .init(
            "redis.reply_deadline", .duration(.milliseconds(100)...second * 60), default: "5s",
            "From a command to its reply; then the connection is given up."),
        .init(
            "database.url", .text, isSecret: true, alias: "DATABASE_URL",
            "`postgres://user:password@host:port/database?sslmode=…`: PostgreSQL 15 or later, or PgBouncer before it."),
        .init(
            "database.connections", .integer(1...1000), default: "6",
            "Connections of one process at most, besides two for its leases."),
        .init("database.idle_connections", .integer(0...1000), default: "1", "Of them, kept although idle."),
        .init(
            "database.waiters", .integer(1...1_000_000), default: "65536",
            "Callers that may wait for a connection; more are refused."),
        .init(
            "database.wait_timeout", .duration(.milliseconds(100)...second * 60), default: "5s",
            "How long a caller waits for a connection."),
        .init("database.connect_timeout", .duration(.milliseconds(100)...second * 60), default: "5s", "For one connection."),
        .init(
            "database.statement_timeout", .duration(.milliseconds(100)...second * 600), default: "5s",
            "For one statement; then it is cancelled and its connection given up."),
        .init(
            "queues", .text, default: "",
            "The assistants whose queues this process serves, separated by commas. Empty: all."),
        .init(
            "lease.ttl", .duration(second...second * 300), default: "6s",
            "How long a process that no longer says so counts as alive; then others take its partitions over."),
        .init(
            "lease.interval", .duration(.milliseconds(50)...second * 60), default: "500ms",
            "Between two looks at who is alive and who owns what. At most a quarter of `lease.ttl`."),
        .init(
            "handover_deadline", .duration(.zero...hour), default: "10s",
            isLive: true,
            "How long running turns may delay a partition's move to another process; then they are interrupted and run there."),
    ]

    private static let doors: [ConfigurationKey] = [
        .init("http.host", .text, default: "127.0.0.1", "Address to listen on; 0.0.0.0 for all."),
        .init("http.port", .integer(0...65535), default: "8080", "Port to listen on; 0 takes a free one."),
        .init(
            "http.body_limit", .integer(1024...64 << 20), default: "1048576",
            isLive: true,
            "Largest request body, in bytes; larger ones are answered with 413. Meta sends up to 3 MB: 4194304 is prudent there."
        ),
        .init("api.token", .text, isSecret: true, "Bearer token of /v1."),
        .init("api.open", .flag, default: "false", "Let /v1 be used without a token."),
        .init(
            "evolution_webhook.key", .text, isSecret: true,
            "What the Evolution webhook must bring: in the header `apikey`, or as `Authorization: Bearer`."),
        .init(
            "evolution_webhook.jwt_secret", .text, isSecret: true,
            "The `jwt_key` of the Evolution webhook: its HS256 tokens are accepted. At least 32 bytes."),
        .init(
            "evolution_webhook.jwt_leeway", .duration(.zero...hour * 24), default: "30m",
            isLive: true,
            "How long after its end a token is still accepted: retries carry the first attempt's token for 20 minutes."),
        .init(
            "evolution_webhook.open", .flag, default: "false",
            "Accept Evolution webhooks without a key (a proxy must then protect them)."),
        .init("meta_webhook.app_secret", .text, isSecret: true, "Meta app secret; every delivery is checked against it."),
        .init("meta_webhook.verify_token", .text, isSecret: true, "Token of Meta's verification request."),
        .init("meta_webhook.open", .flag, default: "false", "Accept Meta webhooks without a signature (for tests only)."),
    ]

    static func model(_ prefix: String) -> [ConfigurationKey] {
        let isDefault = prefix == "model"
        func value(_ text: String?) -> String? { isDefault ? text : nil }
        let scope = isDefault ? "" : " Overrides `model`."
        return [
            .init(
                "\(prefix).base_url", .url, default: value("https://api.openai.com/v1"),
                isLive: true, "OpenAI-compatible server, `/v1` included.\(scope)"),
            .init(
                "\(prefix).key", .text, isSecret: true,
                "API key. Without one, and without `keyless`, the offline model answers.\(scope)"),
            .init("\(prefix).keyless", .flag, default: value("false"), "The server needs no key (local servers).\(scope)"),
            .init("\(prefix).name", .text, default: value("gpt-4o-mini"), isLive: true, "Model asked for.\(scope)"),
            .init(
                "\(prefix).timeout", .duration(.milliseconds(100)...hour), default: value("60s"), isLive: true,
                "For one whole call.\(scope)"),
            .init(
                "\(prefix).temperature", .number(0...2), isLive: true, "Sent when set; reasoning models accept none.\(scope)"),
            .init(
                "\(prefix).max_tokens", .integer(1...1_000_000), isLive: true,
                "Longest answer, in tokens; sent when set.\(scope)"),
            .init(
                "\(prefix).max_tokens_field", .choice(["max_completion_tokens", "max_tokens"]),
                default: value("max_completion_tokens"),
                isLive: true, "What the server calls it; several local ones know only `max_tokens`.\(scope)"),
        ]
    }

    private static let assistants: [ConfigurationKey] =
        [
            .init("assistants.*.prompt", .text, default: "", isLive: true, "System prompt."),
            .init(
                "assistants.*.slots", .integer(1...100_000), default: "64", isLive: true,
                "Turns that run at once in one process, at most."),
            .init(
                "assistants.*.context_turns", .integer(0...1000), default: "10", isLive: true,
                "Earlier turns the model is shown."),
            .init(
                "assistants.*.attempts", .integer(1...20), default: "3", isLive: true,
                "Attempts of a turn before it becomes a dead letter."),
            .init(
                "assistants.*.backoff", .duration(.zero...hour), default: "2s",
                isLive: true,
                "Longest wait before the second attempt; doubles with each further one, drawn at random from 0 (full jitter)."),
            .init(
                "assistants.*.backoff_cap", .duration(.zero...hour), default: "60s", isLive: true,
                "Longest wait before any attempt."),
            .init(
                "assistants.*.on_dead_letter", .choice(["continue", "hold"]), default: "continue",
                isLive: true, "Whether the conversation goes on after a dead letter, or waits for somebody to release it."),
            .init(
                "assistants.*.on_ambiguous_send", .choice(["reconcile-then-resend", "never-resend", "always-resend"]),
                default: "reconcile-then-resend", isLive: true,
                "What happens to a reply of which nobody knows whether the gateway sent it."),
            .init(
                "assistants.*.timers.*.after", .duration(second...hour * 168),
                isLive: true,
                "What the assistant does by itself: how long after the silence began, or the conversation was closed."),
            .init(
                "assistants.*.timers.*.from", .choice(TimerRule.Trigger.allCases.map(\.rawValue)), default: "silence",
                isLive: true,
                "What the time is counted from: the latest reply that nobody answered, or the closing by another timer."),
            .init("assistants.*.timers.*.say", .text, default: "", isLive: true, "What it says; empty: nothing."),
            .init(
                "assistants.*.timers.*.closes", .flag, default: "false",
                isLive: true, "Ends the conversation: its next message starts anew, with the channel's menu and keywords."),
            .init(
                "assistants.*.timers.*.lateness", .duration(.zero...hour * 720), default: "1h",
                isLive: true, "How late it may still speak, after a stop for instance. It closes however late it is."),
            .init(
                "assistants.*.transfers.*", .text,
                isLive: true,
                "An assistant that the model may give the conversation to, and when, in words that the model understands."),
            .init(
                "assistants.*.offline.#.when", .text, isLive: true, "Offline model: answer when the message contains this word."
            ),
            .init(
                "assistants.*.offline.#.say", .text, default: "",
                isLive: true, "Offline model: the answer to `when`. `{text}` stands for the message."),
            .init(
                "assistants.*.offline.#.transfer", .assistant, default: "",
                isLive: true,
                "Offline model: gives the conversation to this one of `transfers`, after `say`; without `say`, it answers the message."
            ),
            .init(
                "assistants.*.offline_default", .text,
                isLive: true, "Offline model: the answer to everything else. `{text}` stands for the message."),
        ] + Self.model("assistants.*.model")

    private static let channels: [ConfigurationKey] = [
        .init(
            "channels.*.kind", .choice(["console", "evolution", "meta"]), default: "console",
            "How replies go out. The channel's name is the Evolution instance or the Meta phone number id; the name `*` stands for all others."
        ),
        .init("channels.*.assistant", .assistant, isLive: true, "Who answers. Defaults to the first assistant."),
        .init("channels.*.base_url", .url, "Evolution server, or another Graph API address for Meta."),
        .init("channels.*.key", .text, isSecret: true, "Evolution API key, or Meta access token."),
        .init("channels.*.api_version", .text, default: "v26.0", "Meta Graph API version."),
        .init(
            "channels.*.timeout", .duration(.milliseconds(100)...hour), default: "70s",
            isLive: true, "For one send. Evolution itself waits up to 60 s for WhatsApp; a shorter time leaves sends in doubt."),
        .init(
            "channels.*.record_delay", .duration(.zero...hour), default: "3s",
            isLive: true, "How long after `timeout` the gateway's own record may still lack a message it sent."),
        .init(
            "channels.*.keywords.*", .assistant,
            isLive: true, "A new conversation whose first message contains this word starts with this assistant."),
        .init("channels.*.menu.title", .text, default: "", isLive: true, "Text above the menu."),
        .init(
            "channels.*.menu.options.#.label", .text, isLive: true, "Menu shown to new conversations: what an option is called."
        ),
        .init(
            "channels.*.menu.options.#.assistant", .assistant, isLive: true,
            "Who takes the conversations that choose it, by number or label."
        ),
    ]
}
