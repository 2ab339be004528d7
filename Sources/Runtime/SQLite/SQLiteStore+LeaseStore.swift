public import CardumeCore

/// The process that has the folder's lock owns every partition, for as long as it likes.
extension SQLiteStore: LeaseStore {
    public var timeToLive: Duration? { nil }

    public func renew(_ member: Member) async throws(StoreError) -> ClusterView {
        let acquired = self.state.withLock { state in
            state.member = member
            return state.acquired
        }
        let lease = Lease(holder: member.id, epoch: self.ownership.epoch)
        return ClusterView(
            members: [member], leases: Dictionary(uniqueKeysWithValues: acquired.map { ($0, lease) }))
    }

    /// Nobody else knows who has the lock.
    public func members() async throws(StoreError) -> [Member] { [] }

    public func holder(of partition: Partition.ID) async throws(StoreError) -> LeaseHolder? {
        self.state.withLock { state in
            state.acquired.contains(partition) ? state.member.map { LeaseHolder(id: $0.id, member: $0) } : nil
        }
    }

    public func claim(
        _ partitions: [Partition.ID], for member: Member.ID
    ) async throws(StoreError) -> [Partition.ID: Ownership] {
        self.state.withLock { $0.acquired.formUnion(partitions) }
        return Dictionary(uniqueKeysWithValues: partitions.map { ($0, self.ownership) })
    }

    public func release(_ fences: [Fence], of member: Member.ID) async throws(StoreError) {
        self.state.withLock { $0.acquired.subtract(fences.map(\.partition)) }
    }

    /// When everything has been given back, the file is marked as closed in good order.
    public func leave(_ member: Member.ID) async throws(StoreError) {
        guard self.state.withLock({ $0.acquired.isEmpty }) else { return }
        try await self.committer.write { db in
            try db.execute(sql: "DELETE FROM crash_marks")
            try Self.set(db, "is_closed", 1)
        }
    }
}
