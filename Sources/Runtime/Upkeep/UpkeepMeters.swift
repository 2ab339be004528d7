/// What passes are counted in.
package struct UpkeepMeters: Sendable {
    /// Steps of a pass, and what goes wrong with the whole.
    static let steps = [
        "partitions", "log", "dead_letters", "archive", "retention", "lines", "records", "pass",
    ]

    private let duration: MetricHistogram
    private let failures: MetricVector<MetricCounter>
    private let deleted: MetricVector<MetricCounter>
    private let archived: MetricVector<MetricCounter>

    package init(_ registry: MetricsRegistry) {
        self.duration = registry.histograms("cardume_upkeep_duration_seconds")[]
        self.failures = registry.counters("cardume_upkeep_failures_total")
        self.deleted = registry.counters("cardume_upkeep_deleted_total")
        self.archived = registry.counters("cardume_upkeep_archived_total")
        // There with 0, so that the first of each is an increase.
        for step in Self.steps { _ = self.failures[step] }
        for kind in UpkeepKind.allCases { _ = self.deleted[kind.rawValue] }
        for kind in [UpkeepKind.conversations, .lines, .turns, .sends, .timers] { _ = self.archived[kind.rawValue] }
    }

    func record(_ report: UpkeepReport) {
        self.duration.observe(.seconds(report.seconds))
        for step in report.failures.keys { self.failures[step].add() }
        for (kind, count) in report.deleted { self.deleted[kind.rawValue].add(Double(count)) }
        for (kind, count) in report.archived { self.archived[kind.rawValue].add(Double(count)) }
    }

    func failed() { self.failures["pass"].add() }
}
