import CardumeCore
import Synchronization

/// A journal that only remembers which turns it has seen, and gives every partition to whoever asks: what the engine costs
/// without a database.
final class MemoryJournal: Journal, LeaseStore {
    private struct Key: Hashable {
        let conversation: Conversation.ID
        let turn: Turn.ID
    }

    /// One for each of a few partitions, so that shards do not wait for each other.
    private final class Share: Sendable {
        let turns = Mutex<Set<Key>>([])
    }

    private let shares = (0..<64).map { _ in Share() }
    private let leases = Mutex<[Partition.ID: Lease]>([:])

    /// - Parameter turns: how many will come; growing in the middle of a measurement would be measured.
    init(turns: Int) {
        for share in self.shares { share.turns.withLock { $0.reserveCapacity(turns / self.shares.count * 3 / 2) } }
    }

    var timeToLive: Duration? { nil }

    func renew(_ member: Member) async throws(StoreError) -> ClusterView {
        ClusterView(members: [member], leases: self.leases.withLock { $0 })
    }

    func members() async throws(StoreError) -> [Member] { [] }
    func holder(of partition: Partition.ID) async throws(StoreError) -> LeaseHolder? {
        self.leases.withLock { $0[partition] }.map { LeaseHolder(id: $0.holder) }
    }

    func claim(
        _ partitions: [Partition.ID], for member: Member.ID
    ) async throws(StoreError) -> [Partition.ID: Ownership] {
        let epoch = Epoch(rawValue: 1)
        self.leases.withLock { leases in
            for partition in partitions { leases[partition] = Lease(holder: member, epoch: epoch) }
        }
        return Dictionary(uniqueKeysWithValues: partitions.map { ($0, Ownership(epoch: epoch, followsCrash: false)) })
    }

    func release(_ fences: [Fence], of member: Member.ID) async throws(StoreError) {}
    func leave(_ member: Member.ID) async throws(StoreError) {}

    func commit(_ record: JournalRecord, _ fence: Fence) async throws(StoreError) -> CommitOutcome {
        guard case .turn(let turn) = record else { return .committed }
        let key = Key(conversation: turn.conversation, turn: turn.turn)
        let isNew = self.shares[fence.partition.number % self.shares.count].turns.withLock { $0.insert(key).inserted }
        return isNew ? .committed : .duplicate
    }

    func standing(of entries: [LogEntry]) async throws(StoreError) -> [LogOffset: EntryStanding] { [:] }

    func load(
        _ conversation: Conversation.ID, contextMessages: Int
    ) async throws(StoreError) -> ConversationSnapshot { ConversationSnapshot() }

    func providerIDs(of conversation: Conversation.ID) async throws(StoreError) -> Set<String> { [] }
    func lift(holdOn conversation: Conversation.ID) async throws(StoreError) {}
    func recordRejected(_ webhook: RejectedWebhook) async throws(StoreError) {}
}
