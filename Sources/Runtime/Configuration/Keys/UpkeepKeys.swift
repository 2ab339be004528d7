extension ConfigurationKey {
    /// How long what is kept where, the archive, the replica for reports.
    static let upkeep: [ConfigurationKey] = [
        .init(
            "retention", .duration(.zero...hour * 87_600), default: "2160h", isLive: true,
            """
            How long the database keeps what was said and sent; 0 for ever. 2160h are 90 days. At least 24h and `dedupe_window`. \
            With an archive, conversations leave through it instead.
            """),
        .init(
            "keep.dead_letters", .duration(.zero...hour * 87_600), default: "720h", isLive: true,
            "How long a dead letter waits for somebody before it is deleted; 0 for ever. 720h are 30 days."),
        .init(
            "keep.rejected_webhooks", .duration(.zero...hour * 87_600), default: "720h", isLive: true,
            "How long webhooks that made no sense are kept for people to look at; 0 for ever (the latest 1,000)."),
        .init(
            "keep.replays", .duration(.zero...hour * 87_600), default: "2160h", isLive: true,
            "How long finished replays of dead letters are listed; 0 for ever."),
        .init(
            "keep.audit", .duration(.zero...hour * 87_600), default: "0s", isLive: true,
            "How long the audit log of /admin is kept; 0 for ever."),
        .init(
            "keep.usage", .duration(.zero...hour * 87_600), default: "0s", isLive: true,
            "How long the daily usage of models is kept; 0 for ever."),
        .init(
            "keep.setting_changes", .duration(.zero...hour * 87_600), default: "0s", isLive: true,
            "How long the journal of live settings is kept, but for what is in force; 0 for ever."),
        .init(
            "archive.folder", .text,
            """
            Where conversations go that nobody has continued for `archive.after`, before they are deleted. Must exist; workers that \
            do not have it leave upkeep to those that do. Without it nothing is archived.
            """),
        .init(
            "archive.after", .duration(.zero...hour * 87_600), default: "2160h", isLive: true,
            """
            How long a conversation has been silent when it is archived. At least 24h, `session` and `dedupe_window`. 0: nothing is \
            archived.
            """),
        .init(
            "upkeep.enabled", .flag, default: "true", isLive: true,
            "Whether processes that run conversations look after the data by themselves, one at a time."),
        .init(
            "upkeep.interval", .duration(second * 60...hour * 168), default: "6h", isLive: true, "Between two passes."),
        .init(
            "upkeep.time_limit", .duration(second...hour * 6), default: "10m", isLive: true,
            "How long a pass may take; the next one, a minute later then, goes on where it stopped."),
        .init(
            "upkeep.batch", .integer(1...10_000), default: "500", isLive: true, "Rows deleted in one transaction, about."),
        .init(
            "upkeep.pause", .duration(.zero...second * 60), default: "50ms", isLive: true,
            "Between two of these transactions."),
        .init(
            "database.replica_url", .text, isSecret: true, alias: "DATABASE_REPLICA_URL",
            "A streaming replica of `database.url`, for statistics and reports. Without it they ask the primary."),
        .init(
            "database.replica_lag", .duration(.milliseconds(100)...hour), default: "30s", isLive: true,
            "How far the replica may be behind; then the primary is asked."),
    ]
}
