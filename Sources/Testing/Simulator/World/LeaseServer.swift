import CardumeCore

/// The leases' server, on whose clock members die.
final class LeaseServer: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    private let store: MemoryStore
    private let oracle: Oracle
    private let loop: SimulationLoop
    private var renewed: [(member: Member.ID, at: Duration)] = []

    init(_ store: MemoryStore, _ oracle: Oracle, _ loop: SimulationLoop) {
        self.store = store
        self.oracle = oracle
        self.loop = loop
    }

    func renewed(_ member: Member.ID) {
        self.renewed.removeAll { $0.member == member }
        self.renewed.append((member, self.loop.now))
    }

    /// Those whose time has run out are no members any more. Called before anything is looked at.
    func expire() {
        guard let timeToLive = self.store.timeToLive else { return }
        let dead = self.renewed.filter { $0.at + timeToLive <= self.loop.now }
        guard !dead.isEmpty else { return }
        for (member, _) in dead { self.store.expire(member) }
        self.renewed.removeAll { $0.at + timeToLive <= self.loop.now }
    }

    func claimed(_ ownerships: [Partition.ID: Ownership]) {
        for (partition, ownership) in ownerships where ownership.followsCrash {
            self.oracle.reached(.takeover)
            if self.store.unsettled(in: partition) > 0 { self.oracle.reached(.takeoverWithUnsettled) }
        }
    }
}
