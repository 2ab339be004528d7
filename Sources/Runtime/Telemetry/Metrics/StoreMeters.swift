/// What is measured of the stores.
package struct StoreMeters: Sendable {
    package let redis: RedisMeter
    private let commitDuration: MetricHistogram
    private let commitRecords: MetricHistogram

    package init(_ registry: MetricsRegistry) {
        self.redis = RedisMeter(registry)
        self.commitDuration = registry.histograms("cardume_journal_commit_duration_seconds")[]
        self.commitRecords = registry.histograms("cardume_journal_commit_records")[]
    }

    /// A group of records was committed, or could not be.
    package func committed(_ count: Int, in time: Duration) {
        self.commitDuration.observe(time)
        self.commitRecords.observe(Double(count))
    }
}
