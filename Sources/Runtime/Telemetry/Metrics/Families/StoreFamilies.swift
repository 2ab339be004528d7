extension MetricFamily {
    /// Journal, database, Redis.
    static let stores: [MetricFamily] = [
        .init(
            "cardume_journal_commit_duration_seconds", .histogram, "Commits of the journal, each of a group of records.",
            buckets: Self.quickly),
        .init(
            "cardume_journal_commit_records", .histogram, "Records in a group.",
            buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
        .init(
            "cardume_store_failures_total", .counter, "Calls of log or journal that failed and were repeated.", labels: ["code"]
        ),
        .init(
            "cardume_postgres_connections", .gauge, "Connections that are `busy` or `idle`. Pools: `main` and `leases`.",
            labels: ["pool", "state"]),
        .init("cardume_postgres_connections_limit", .gauge, "Connections at most.", labels: ["pool"]),
        .init("cardume_postgres_waiting", .gauge, "Callers that wait for a connection.", labels: ["pool"]),
        .init(
            "cardume_redis_command_duration_seconds", .histogram,
            "From handing a command to its connection to its reply. Reads that wait for messages are not counted.",
            buckets: Self.quickly),
        .init("cardume_redis_command_failures_total", .counter, "Commands without a reply, or refused.", labels: ["code"]),
        .init(
            "cardume_redis_connections_total", .counter, "Connections `made`, `lost`, and attempts `failed`.", labels: ["event"]
        ),
        .init("cardume_redis_memory_bytes", .gauge, "Memory that the server uses.", labels: ["node"]),
        .init("cardume_redis_memory_limit_bytes", .gauge, "Memory that it may use, where it is bounded.", labels: ["node"]),
        .init("cardume_data_file_bytes", .gauge, "Size of the embedded deployment's data file with its write-ahead log."),
    ]
}
