import CardumeCore

extension MetricFamily {
    /// The scaling signal and its parts. Every process shows the same: aggregate with `max`, never `sum`.
    public static let scaling: [MetricFamily] = [
        .init(
            "cardume_pool_demand_slots", .gauge,
            "Slots that the pool could use now: turns in flight, and what it takes to start what waits within the drain target.",
            labels: ["pool"]),
        .init("cardume_pool_in_flight", .gauge, "Turns that have a slot.", labels: ["pool"]),
        .init("cardume_pool_waiting_messages", .gauge, "Messages of conversations that want a slot.", labels: ["pool"]),
        .init("cardume_pool_waiting_conversations", .gauge, "Conversations that want a slot.", labels: ["pool"]),
        .init(
            "cardume_pool_oldest_seconds", .gauge, "Age of the oldest message of a conversation that wants a slot.",
            labels: ["pool"]),
        .init(
            "cardume_pool_mean_turn_seconds", .gauge, "How long turns have had their slots lately; absent when none has ended.",
            labels: ["pool"]),
        .init(
            "cardume_pool_excluded_slots", .gauge,
            "Slots left out of the demand, because what waits waits for: \(Exclusion.allCases.map(\.rawValue).joined(separator: ", ")).",
            labels: ["pool", "reason"]),
        .init("cardume_pool_slots_per_pod", .gauge, "Turns that one process runs at once, as configured.", labels: ["pool"]),
        .init("cardume_pool_pods", .gauge, "Live processes that serve a queue of the pool.", labels: ["pool"]),
        .init(
            "cardume_pool_unknown_pods", .gauge, "Of them, those that did not say lately what they have to do.",
            labels: ["pool"]),
        .init(
            "cardume_pool_suggested_pods", .gauge, "Processes that would do, each with the wanted part of its slots in use.",
            labels: ["pool"]),
    ]
}
