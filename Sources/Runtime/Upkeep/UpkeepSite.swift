package import CardumeCore

/// A deployment's data, as upkeep meets it.
package struct UpkeepSite: Sendable {
    package var database: any AdminDatabase
    /// `nil` where lines are in one table.
    package var partitions: PostgresMaintenance?
    package var log: any PartitionLog
    /// Those of the configuration.
    package var queues: [QueueID]
    /// How long the log remembers a silent conversation.
    package var session: Duration
    /// Whether this process owns all partitions by itself.
    package var ownsEverything: Bool

    package init(
        database: any AdminDatabase, partitions: PostgresMaintenance?, log: any PartitionLog, queues: [QueueID],
        session: Duration, ownsEverything: Bool
    ) {
        self.database = database
        self.partitions = partitions
        self.log = log
        self.queues = queues
        self.session = session
        self.ownsEverything = ownsEverything
    }

    /// What the log holds now.
    func unsettled() async throws(StoreError) -> UnsettledView {
        let count = self.log.partitionCount
        let all = self.queues.flatMap { queue in (0..<count).map { Partition.ID(queue, number: $0) } }
        let owned = self.ownsEverything ? Set(all) : try await UpkeepStore(self.database).owned(of: all)
        let oldest = try await self.log.peek(Dictionary(uniqueKeysWithValues: all.map { ($0, LogOffset.start) }))
        return UnsettledView(oldest, owned: owned, partitionCount: count)
    }
}

extension UpkeepStore {
    /// None without a cluster: nobody but who asks has the file.
    fileprivate func owned(of partitions: [Partition.ID]) async throws(StoreError) -> Set<Partition.ID> {
        self.dialect == .sqlite ? [] : try await self.ownedPartitions()
    }
}
