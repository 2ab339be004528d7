extension ConfigurationKey {
    /// Circuit breakers, gateway servers, pacing.
    static let routing: [ConfigurationKey] = [
        .init(
            "breakers.timeout", .duration(.milliseconds(10)...(.seconds(600))), default: "10s", isLive: true,
            "A send that takes longer counts as failed. It is not cut off."),
        .init(
            "breakers.model_timeout", .duration(.milliseconds(10)...(.seconds(3600))), default: "30s", isLive: true,
            "The same for a model call."),
        .init(
            "breakers.error_ratio", .number(0.01...1), default: "0.5", isLive: true,
            "Share of failed calls at which a breaker opens."),
        .init(
            "breakers.window", .duration(.seconds(1)...(.seconds(3600))), default: "60s", isLive: true,
            "Calls that ended within this time count."),
        .init(
            "breakers.minimum_calls", .integer(1...1_000_000), default: "10", isLive: true,
            "With fewer calls in `window` it stays closed."),
        .init(
            "breakers.open_for", .duration(.milliseconds(100)...(.seconds(3600))), default: "30s", isLive: true,
            "How long it stays open; then probes find out."),
        .init(
            "breakers.probes", .integer(1...1000), default: "1", isLive: true,
            "Calls at once while nobody knows whether the server is well again."),
        .init(
            "channels.*.servers.*.base_url", .url,
            "One of several servers that serve the number. Without `servers`, the channel's own `base_url` and `key` are the only one."
        ),
        .init("channels.*.servers.*.key", .text, isSecret: true, "Its key. Defaults to the channel's."),
        .init(
            "channels.*.servers.*.weight", .integer(1...1000), default: "1", isLive: true,
            "Its share of the conversations, in proportion to the others' weights."),
        .init(
            "channels.*.routing", .choice(["rendezvous", "round_robin"]), default: "rendezvous", isLive: true,
            "rendezvous: a conversation stays with its server while that is well; round_robin: each reply takes the next one's turn."
        ),
        .init(
            "channels.*.health_check", .duration(.zero...(.seconds(3600))), default: "30s", isLive: true,
            "Between two questions to an Evolution server whether the number is connected; a sixth while it is not. 0s: never."),
        .init(
            "channels.*.pacing.per_minute", .integer(0...100_000), default: "0", isLive: true,
            "Replies of this number in a minute, by one process; 0 for no limit."),
        .init(
            "channels.*.pacing.burst", .integer(1...1000), default: "1", isLive: true,
            "Of them, how many may go at once after a pause."),
        .init(
            "channels.*.pacing.jitter", .duration(.zero...(.seconds(60))), default: "1s", isLive: true,
            "With `per_minute`: each reply waits a random time more, up to this."),
        .init(
            "channels.*.typing.per_character", .duration(.zero...(.seconds(1))), default: "0s", isLive: true,
            "How long the contact sees somebody type for each character of a reply (Evolution); 0s for not at all."),
        .init(
            "channels.*.typing.max", .duration(.zero...(.seconds(60))), default: "10s", isLive: true,
            "At most, for one reply."),
    ]
}
