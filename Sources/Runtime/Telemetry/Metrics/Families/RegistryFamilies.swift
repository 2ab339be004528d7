extension MetricFamily {
    /// What the registry counts of itself.
    static let registry: [MetricFamily] = [
        .init(
            "cardume_metrics_overflow_total", .counter,
            "Times that a label set of the family went to `other` because the family is full.", labels: ["family"]),
        .init(
            "cardume_metrics_source_timeouts_total", .counter,
            "Times that a source of figures was left out because it took too long.", labels: ["source"]),
    ]
}
