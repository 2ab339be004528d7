extension ConfigurationKey {
    /// Pools of workers that are scaled together, and when a process is not well.
    static let scaling: [ConfigurationKey] = [
        .init(
            "pools.*.queues", .text, default: "", isLive: true,
            "The assistants whose queues one kind of worker serves, as its `queues` say, separated by commas; empty: all."),
        .init(
            "pools.*.lanes", .text, default: "", isLive: true,
            "The lanes that it serves, as its `lanes` say; empty: all. `light` stands for the assistants' own queues."),
        .init(
            "pools.*.slots", .integer(0...100_000), default: "0", isLive: true,
            """
            Turns that one of its processes runs at once; 0 for the sum of the slots of what it serves, at most `slots`. The \
            autoscaler's target is 0.8 of it.
            """),
        .init(
            "pools.*.utilisation", .number(0.1...1), default: "0.8", isLive: true,
            "The part of them that should be in use, for the suggested number of processes."),
        .init(
            "pools.*.drain_target", .duration(.seconds(1)...(.seconds(3600))), default: "30s", isLive: true,
            "Within which time what waits should get a slot: the shorter, the more slots a backlog asks for."),
        .init(
            "pools.*.assumed_turn", .duration(.milliseconds(10)...(.seconds(600))), default: "5s", isLive: true,
            "How long a turn takes, as long as no process of the pool has had one."),
        .init(
            "health.reader_patience", .duration(.seconds(1)...(.seconds(300))), default: "4s", isLive: true,
            "How long a reader may bring nothing although messages wait; then its partition begins again."),
        .init(
            "health.shard_patience", .duration(.seconds(1)...(.seconds(300))), default: "10s", isLive: true,
            "How long a thread that runs conversations may not answer; then /health/live fails."),
    ]
}
