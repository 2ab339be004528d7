/// What is measured of the stores.
package struct StoreMeters: Sendable {
    package let redis: RedisMeter
    private let commitDuration: MetricHistogram
    private let commitRecords: MetricHistogram
    private let replicaReads: MetricVector<MetricCounter>

    package init(_ registry: MetricsRegistry) {
        self.redis = RedisMeter(registry)
        self.commitDuration = registry.histograms("cardume_journal_commit_duration_seconds")[]
        self.commitRecords = registry.histograms("cardume_journal_commit_records")[]
        self.replicaReads = registry.counters("cardume_postgres_replica_reads_total")
    }

    /// A group of records was committed, or could not be.
    package func committed(_ count: Int, in time: Duration) {
        self.commitDuration.observe(time)
        self.commitRecords.observe(Double(count))
    }

    /// A report was read.
    package func reported(fromReplica isReplica: Bool) { self.replicaReads[isReplica ? "replica" : "primary"].add() }
}
