import CardumeCore

/// The log's server: a ``MemoryStore`` that keeps fences of its own, as a server does that knows nothing of leases, and that may
/// be replaced by one that lags behind.
final class LogServer: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    private struct Reader {
        let partition: Partition.ID
        let offset: LogOffset
        let promise: Promise<Void>
    }

    private let store: MemoryStore
    private let oracle: Oracle
    /// Of the latest owner who has said so.
    private var fences: [Partition.ID: Epoch] = [:]
    /// What a replica has.
    private var replica: (image: MemoryStore.LogImage, fences: [Partition.ID: Epoch])?
    private var readers: [Reader] = []

    init(_ store: MemoryStore, _ oracle: Oracle) {
        self.store = store
        self.oracle = oracle
    }

    var isEmpty: Bool { self.store.unsettled == 0 }

    /// Refuses a fence older than the latest; returns it as the store wants it.
    func admit(_ fence: Fence) throws(StoreError) -> Fence {
        if let latest = self.fences[fence.partition], latest > fence.epoch {
            self.oracle.reached(.fencedSettleRefused)
            throw StoreError(.fenced, "a later owner has opened \(fence.partition)")
        }
        self.fences[fence.partition] = fence.epoch
        return Fence(fence.partition, self.store.epoch(of: fence.partition))
    }

    /// Replication stands still from here on.
    func takeImage() { self.replica = (self.store.logImage, self.fences) }

    func failOver() -> MemoryStore.Rollback {
        // Without one, it has lost nothing.
        let replica = self.replica.take() ?? (self.store.logImage, self.fences)
        self.fences = replica.fences
        let rollback = self.store.failOver(to: replica.image)
        self.wakeReaders()
        return rollback
    }

    /// Somebody waits for entries after `offset`.
    func waits(_ promise: Promise<Void>, for partition: Partition.ID, after offset: LogOffset) {
        self.readers.append(Reader(partition: partition, offset: offset, promise: promise))
        self.wakeReaders()
    }

    func wakeReaders() {
        guard !self.readers.isEmpty else { return }
        self.readers.removeAll { reader in
            if reader.promise.isKept { return true }
            guard self.store.hasEntries(in: reader.partition, after: reader.offset) else { return false }
            reader.promise.keep(())
            return true
        }
    }
}
