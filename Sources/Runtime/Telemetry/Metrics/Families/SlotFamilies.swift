extension MetricFamily {
    /// What may run at once, in this process.
    static let slots: [MetricFamily] = [
        .init("cardume_slots_limit", .gauge, "Turns of the assistant that may run at once here.", labels: ["assistant"]),
        .init("cardume_slots_in_use", .gauge, "Turns that run here.", labels: ["assistant", "lane"]),
        .init("cardume_slots_waiting", .gauge, "Turns that wait here for a slot.", labels: ["assistant", "lane"]),
        .init(
            "cardume_lane_slots_limit", .gauge, "Of the assistant's slots, those that the lane may have, where it is bounded.",
            labels: ["assistant", "lane"]),
        .init(
            "cardume_adaptive_limit", .gauge, "The lane's limit as adaptation has found it, where it is adaptive.",
            labels: ["assistant", "lane"]),
        .init(
            "cardume_adaptive_baseline_seconds", .gauge, "What a turn takes when nothing queues, as adaptation has found it.",
            labels: ["assistant", "lane"]),
        .init(
            "cardume_adaptive_latency_seconds", .gauge, "What a turn took on average in adaptation's latest window.",
            labels: ["assistant", "lane"]),
        .init("cardume_assistant_paused", .gauge, "1 while nothing new of the assistant may begin.", labels: ["assistant"]),
        .init(
            "cardume_read_ahead_messages", .gauge, "Messages that partitions owned here hold in memory.",
            labels: ["assistant", "lane"]),
        .init(
            "cardume_read_ahead_credits", .gauge, "Messages that partitions owned here may hold in memory.",
            labels: ["assistant", "lane"]),
    ]
}
