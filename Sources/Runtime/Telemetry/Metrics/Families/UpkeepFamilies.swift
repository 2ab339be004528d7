extension MetricFamily {
    /// Data upkeep, the archive, the replica.
    static let upkeep: [MetricFamily] = [
        .init(
            "cardume_upkeep_last_success_timestamp_seconds", .gauge,
            """
            When the latest pass without a failure ended, in the whole deployment; missing where upkeep is switched off. Before the \
            first, when the tables were made.
            """),
        .init(
            "cardume_upkeep_duration_seconds", .histogram, "Passes of this process, from beginning to end.",
            buckets: Self.slowly),
        .init("cardume_upkeep_failures_total", .counter, "Steps of passes that failed.", labels: ["step"]),
        .init(
            "cardume_upkeep_deleted_total", .counter, "Rows whose time was over, deleted without being archived.",
            labels: ["kind"]),
        .init(
            "cardume_upkeep_archived_total", .counter, "Rows that are in the archive now and nowhere else.", labels: ["kind"]),
        .init(
            "cardume_postgres_stray_lines", .gauge,
            "Lines of this week or a later one that found no partition of their own, in the whole deployment."),
        .init(
            "cardume_postgres_replica_usable", .gauge,
            "1 while reports ask the replica, 0 while they ask the primary because it is away or too far behind."),
        .init("cardume_postgres_replica_lag_seconds", .gauge, "How far the replica is behind."),
        .init(
            "cardume_postgres_replica_reads_total", .counter, "Reads of reports that went to the `replica` or the `primary`.",
            labels: ["target"]),
    ]
}
