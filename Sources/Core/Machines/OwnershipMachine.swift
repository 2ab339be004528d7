/// What one member owns, and what it does about it when it sees the cluster.
///
/// ```
/// (not held) ── claimed ──▶ open ── handBack ──▶ closing ── closed ──▶ (not held)
///                            └──── lost ───────────▲
/// ```
public struct OwnershipMachine {
    /// What to do after a look at the cluster.
    public struct Decision: Hashable, Sendable {
        /// To be claimed; report with ``claimed(_:)``.
        public var claim: [Partition.ID] = []
        /// To be finished in good order and released; report each with ``closed(_:)``.
        public var handBack: [Fence] = []
        /// No longer ours: to be interrupted at once, and not released. Report each with ``closed(_:)``.
        public var lost: [Fence] = []
        /// Whether something falls to this member that a live one still holds, which is handing it back or soon will: worth
        /// looking again soon.
        public var isAwaiting = false

        public static let nothing = Decision()
    }

    private enum Phase: Hashable {
        case open
        case closing
    }

    public let member: Member.ID
    private let partitionCount: Int
    private let timeToLive: Duration?
    private var held: [Partition.ID: (epoch: Epoch, phase: Phase)] = [:]
    private var renewedAt: Duration?

    /// - Parameters:
    ///   - partitionCount: of every queue.
    ///   - timeToLive: how long a renewal lasts; `nil` for ever.
    public init(member: Member.ID, partitionCount: Int, timeToLive: Duration?) {
        self.member = member
        self.partitionCount = partitionCount
        self.timeToLive = timeToLive
    }

    /// Partitions owned, those that are being handed back included.
    public var count: Int { self.held.count }

    /// Partitions to be worked on.
    public var owned: [Partition.ID] { self.held.filter { $0.value.phase == .open }.map(\.key) }

    /// Until when, on the monotonic clock, nobody else can have taken what is owned; `nil` for ever.
    ///
    /// Counts from before the renewal was asked for, and ends a sixth of the time early: the store's clock and this one may
    /// run at different speeds, and what was decided on trust takes a moment to be done.
    public var trustedUntil: Duration? {
        guard let timeToLive = self.timeToLive else { return nil }
        guard let renewedAt = self.renewedAt else { return .zero }
        return renewedAt + timeToLive - timeToLive / 6
    }

    /// The cluster, as a renewal showed it.
    ///
    /// - Parameter began: uptime just before the renewal was asked for.
    public mutating func renewed(_ view: ClusterView, began: Duration) -> Decision {
        self.renewedAt = began
        let live = Set(view.members.map(\.id))
        let owners = Placement.owners(partitionCount: self.partitionCount, members: view.members)
        var decision = Decision()
        for (partition, own) in self.held where own.phase == .open {
            let lease = view.leases[partition]
            let fence = Fence(partition, own.epoch)
            if lease?.holder != self.member || lease?.epoch != own.epoch {
                decision.lost.append(fence)
            } else if owners[partition] != self.member {
                decision.handBack.append(fence)
            }
        }
        // Given up while the store was away, or released in vain: nobody else takes what a live member holds.
        for (partition, lease) in view.leases
        where lease.holder == self.member && self.held[partition] == nil && owners[partition] != self.member {
            decision.handBack.append(Fence(partition, lease.epoch))
        }
        for fence in decision.lost + decision.handBack { self.held[fence.partition]?.phase = .closing }
        for (partition, owner) in owners where owner == self.member && self.held[partition] == nil {
            // Its own: a claim whose answer was lost, or one given up while the store was away.
            if let holder = view.leases[partition]?.holder, holder != self.member, live.contains(holder) {
                decision.isAwaiting = true
                continue
            }
            decision.claim.append(partition)
        }
        return decision.sorted()
    }

    /// Partitions were claimed. Returns those to open now.
    public mutating func claimed(_ ownerships: [Partition.ID: Ownership]) -> [Partition.ID: Ownership] {
        for (partition, ownership) in ownerships { self.held[partition] = (ownership.epoch, .open) }
        return ownerships
    }

    /// Whether a partition is to be worked on, in this very epoch.
    public func isOpen(_ fence: Fence) -> Bool {
        guard let own = self.held[fence.partition] else { return false }
        return own.epoch == fence.epoch && own.phase == .open
    }

    /// This member is going down, or cannot go on. Returns all that is not being closed already.
    public mutating func closeAll() -> [Fence] {
        let open = self.held.filter { $0.value.phase == .open }.map { Fence($0.key, $0.value.epoch) }
        for fence in open { self.held[fence.partition]?.phase = .closing }
        return open.sorted { $0.partition < $1.partition }
    }

    /// A partition's work has ended; it has been released, or was lost.
    public mutating func closed(_ fence: Fence) {
        if let own = self.held[fence.partition], own.epoch == fence.epoch { self.held[fence.partition] = nil }
    }

    /// A partition's actor found out by itself that a later owner exists. Returns whether it is still to be closed.
    public mutating func fenced(_ fence: Fence) -> Bool {
        guard let own = self.held[fence.partition], own.epoch == fence.epoch, own.phase == .open else { return false }
        self.held[fence.partition]?.phase = .closing
        return true
    }

    /// Time has passed without a renewal. Returns what can no longer be trusted: all or nothing.
    public mutating func waited(at now: Duration) -> [Fence] {
        guard let trustedUntil = self.trustedUntil, now >= trustedUntil else { return [] }
        return self.closeAll()
    }
}

extension OwnershipMachine.Decision {
    /// In the partitions' order, so that equal views give equal decisions.
    fileprivate func sorted() -> Self {
        Self(
            claim: self.claim.sorted(), handBack: self.handBack.sorted { $0.partition < $1.partition },
            lost: self.lost.sorted { $0.partition < $1.partition }, isAwaiting: self.isAwaiting)
    }
}
