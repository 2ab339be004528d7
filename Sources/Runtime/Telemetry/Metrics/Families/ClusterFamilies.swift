extension MetricFamily {
    /// Who owns what, and the course of conversations.
    static let cluster: [MetricFamily] = [
        .init("cardume_partitions_owned", .gauge, "Partitions that this process owns."),
        .init(
            "cardume_partition_changes_total", .counter,
            "Partitions `opened` (of them `after_crash` of their owner), `handed_back` or `lost`.", labels: ["change"]),
        .init(
            "cardume_partitions_abandoned_total", .counter, "Partitions given up because they could not go on.",
            labels: ["assistant"]),
        .init(
            "cardume_reader_restarts_total", .counter,
            "Partitions whose reading began anew, because it brought nothing although there was something.",
            labels: ["assistant"]),
        .init("cardume_cluster_members", .gauge, "Processes alive, this one included, as it last saw them."),
        .init(
            "cardume_conversations_in_memory", .gauge,
            "Conversations in memory here: with something to do, or active a moment ago.",
            labels: ["assistant", "lane"]),
        .init(
            "cardume_conversations_busy", .gauge, "Of them, those with something to do.", labels: ["assistant", "lane"]),
        .init(
            "cardume_conversation_transfers_total", .counter,
            "Conversations given to another assistant's queue, or to another lane's.",
            labels: ["assistant", "to"]),
        .init("cardume_timers_fired_total", .counter, "Timers whose message is finished.", labels: ["assistant", "rule"]),
        .init("cardume_conversations_closed_total", .counter, "Conversations that a timer has closed.", labels: ["assistant"]),
        .init(
            "cardume_conversation_resolution_seconds", .histogram,
            "From the first message, after an earlier closing if there was one, to the begin of the silence after which a timer closed the conversation.",
            labels: ["assistant"], buckets: [60, 300, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 259_200, 604_800]),
        .init(
            "cardume_setting_changes_total", .counter,
            "Settings that have another value here because of what operators have set, those found at the start included."),
    ]
}
