extension MetricFamily {
    /// What waits, and what becomes of it.
    static let queues: [MetricFamily] = [
        .init(
            "cardume_queue_depth", .gauge,
            "Unsettled messages of the whole deployment, those in flight included: every process says the same. Missing while the log does not answer.",
            labels: ["assistant", "lane"]),
        .init(
            "cardume_turns_in_flight", .gauge,
            "Turns that run or wait for a slot in the whole deployment: every process says the same. Missing while nobody can say.",
            labels: ["assistant"]),
        .init(
            "cardume_oldest_message_seconds", .gauge,
            "Age of the oldest message that this process has in memory and has not finished; 0 when it has none.",
            labels: ["assistant", "lane"]),
        .init(
            "cardume_turn_wait_seconds", .histogram,
            "From a message's arrival to the begin of the turn that answered it, earlier attempts included.",
            labels: ["assistant"], buckets: Self.slowly),
        .init(
            "cardume_turn_duration_seconds", .histogram,
            "Turns that `succeeded`, `failed` or were `superseded` by a newer message.",
            labels: ["assistant", "outcome"], buckets: Self.slowly),
        .init(
            "cardume_messages_finished_total", .counter, "Messages that have left their queue: answered, or dead letters.",
            labels: ["assistant"]),
        .init(
            "cardume_messages_merged_total", .counter, "Of them, those answered together with an earlier one.",
            labels: ["assistant"]),
        .init(
            "cardume_late_replies_total", .counter, "Replies that were ready too late, and what was done.",
            labels: ["assistant", "action"]),
        .init(
            "cardume_turn_retries_total", .counter, "Failed attempts that another one follows.",
            labels: ["assistant", "category"]),
        .init("cardume_dead_letters_total", .counter, "Messages given up, and why.", labels: ["assistant", "category"]),
        .init(
            "cardume_conversations_held_total", .counter, "Conversations found held, or held by a dead letter.",
            labels: ["assistant"]),
        .init(
            "cardume_crash_suspects_total", .counter, "Messages run alone because they were running when a process died.",
            labels: ["assistant"]),
        .init(
            "cardume_conversation_waits_total", .counter,
            "Waits that conversations have begun: `retry`, `debounce`, `breaker`, `budget`, `gateway`, `doubt`, `pacing`, `slot` (of the model).",
            labels: ["assistant", "cause"]),
        .init(
            "cardume_conversation_wait_seconds_total", .counter, "How long these waits were to last.",
            labels: ["assistant", "cause"]),
    ]
}
