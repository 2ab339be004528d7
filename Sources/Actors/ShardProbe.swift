import CardumeCore

/// Looks at the partitions of one shard from within. That it answers shows that the shard's thread still turns.
actor ShardProbe {
    struct Survey: Sendable {
        var reports: [QueueID: QueueReport] = [:]
        var readers: [ConsumptionWatch.Reader] = []
    }

    private nonisolated let shard: Shard
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.shard.executor.asUnownedSerialExecutor() }

    init(shard: Shard) {
        self.shard = shard
    }

    /// - Parameter partitions: all of them on this shard.
    func survey(_ partitions: [PartitionActor]) -> Survey {
        partitions.reduce(into: Survey()) { survey, partition in
            let (report, reader) = partition.assumeIsolated { ($0.survey(), $0.reader) }
            survey.reports[partition.id.queue, default: QueueReport()].merge(report)
            survey.readers.append(reader)
        }
    }
}
