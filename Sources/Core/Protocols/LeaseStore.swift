/// Who owns which partition. Kept where the journal is: one clock, one failure domain with the work itself.
///
/// A lease lasts for as long as its holder is a live member: members renew themselves, not each of their leases. Every
/// change of hands raises the partition's epoch. All calls may come from any task.
public protocol LeaseStore: Sendable {
    /// How long a member lives without renewing itself; `nil` when members do not die (one process owns the store).
    var timeToLive: Duration? { get }

    /// Says that `member` lives, for ``timeToLive`` from now on the store's own clock. The first call makes it a member; its
    /// queues may change from call to call.
    ///
    /// A member whose time has run out is one again, with those of its leases that nobody has taken.
    func renew(_ member: Member) async throws(StoreError) -> ClusterView

    /// Those whose time has not run out, as they said last. Changes nothing; for those who are no members themselves.
    func members() async throws(StoreError) -> [Member]

    /// Who holds the lease of `partition`; `nil` when nobody does. A dead member's lease is its own until somebody claims it.
    /// Changes nothing.
    func holder(of partition: Partition.ID) async throws(StoreError) -> LeaseHolder?

    /// Gives `member` those of `partitions` that no live member but itself holds, each with a new epoch. The rest are missing
    /// in the result. A live member's lease is never taken.
    func claim(
        _ partitions: [Partition.ID], for member: Member.ID
    ) async throws(StoreError) -> [Partition.ID: Ownership]

    /// Gives partitions back after their work has stopped: their next owners need not suspect what was running. Fences that
    /// are stale are passed over.
    func release(_ fences: [Fence], of member: Member.ID) async throws(StoreError)

    /// Ends the membership. What it still holds is free for others, who will suspect what was running.
    func leave(_ member: Member.ID) async throws(StoreError)
}
