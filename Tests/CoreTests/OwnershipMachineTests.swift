import CardumeCore
import CardumeTesting
import Testing

@Suite struct OwnershipMachineTests {
    private static let queue: QueueID = "suporte"
    private static let partitions = (0..<4).map { Partition.ID(Self.queue, number: $0) }

    private static func member(_ id: Member.ID) -> Member { Member(id: id, queues: [Self.queue]) }

    private static func machine(_ id: Member.ID = "a") -> OwnershipMachine {
        OwnershipMachine(member: id, partitionCount: 4, timeToLive: .seconds(6))
    }

    private static func ownership(_ epoch: Int64) -> Ownership {
        Ownership(epoch: Epoch(rawValue: epoch), followsCrash: false)
    }

    @Test func claimsWhatNobodyHolds() {
        var machine = Self.machine()
        let decision = machine.renewed(ClusterView(members: [Self.member("a")], leases: [:]), began: .zero)
        #expect(decision.claim == Self.partitions)
        #expect(machine.count == 0, "asking is not having")
    }

    @Test func doesNotClaimWhatALiveMemberHolds() {
        var machine = Self.machine()
        let leases = Dictionary(
            uniqueKeysWithValues: Self.partitions.map { ($0, Lease(holder: "b", epoch: Epoch(rawValue: 1))) })
        let both = ClusterView(members: [Self.member("a"), Self.member("b")], leases: leases)
        let decision = machine.renewed(both, began: .zero)
        #expect(decision == OwnershipMachine.Decision.awaiting, "its share is still to be handed over")
        let alone = ClusterView(members: [Self.member("a")], leases: leases)
        #expect(machine.renewed(alone, began: .zero).claim == Self.partitions, "b's time has run out")
    }

    @Test func handsBackWhatOthersShouldHaveOnceOnly() {
        var machine = Self.machine()
        _ = machine.renewed(ClusterView(members: [Self.member("a")], leases: [:]), began: .zero)
        _ = machine.claimed(Dictionary(uniqueKeysWithValues: Self.partitions.map { ($0, Self.ownership(1)) }))
        let leases = Dictionary(
            uniqueKeysWithValues: Self.partitions.map { ($0, Lease(holder: "a", epoch: Epoch(rawValue: 1))) })
        let view = ClusterView(members: [Self.member("a"), Self.member("b")], leases: leases)
        let decision = machine.renewed(view, began: .seconds(1))
        #expect(decision.handBack.count == 2)
        #expect(machine.renewed(view, began: .seconds(2)) == .nothing)
        for fence in decision.handBack { machine.closed(fence) }
        #expect(machine.count == 2)
    }

    @Test func givesUpWhatSomebodyElseHas() {
        var machine = Self.machine()
        _ = machine.claimed([Self.partitions[0]: Self.ownership(1), Self.partitions[1]: Self.ownership(1)])
        let view = ClusterView(
            members: [Self.member("a")],
            leases: [
                Self.partitions[0]: Lease(holder: "b", epoch: Epoch(rawValue: 2)),
                Self.partitions[1]: Lease(holder: "a", epoch: Epoch(rawValue: 2)),
            ])
        let decision = machine.renewed(view, began: .zero)
        #expect(Set(decision.lost.map(\.partition)) == Set(Self.partitions.prefix(2)), "a later epoch is not ours either")
        #expect(!decision.claim.contains(Self.partitions[0]), "not before its work here has ended")
    }

    /// A lease that was kept although its work was given up would be nobody's for as long as its holder lives.
    @Test func handsBackWhatItNoLongerWorksOn() {
        var machine = Self.machine()
        _ = machine.claimed(Dictionary(uniqueKeysWithValues: Self.partitions.map { ($0, Self.ownership(1)) }))
        let leases = Dictionary(
            uniqueKeysWithValues: Self.partitions.map { ($0, Lease(holder: "a", epoch: Epoch(rawValue: 1))) })
        _ = machine.renewed(ClusterView(members: [Self.member("a")], leases: leases), began: .zero)
        let givenUp = machine.waited(at: .seconds(6))
        #expect(givenUp.count == 4)
        for fence in givenUp { machine.closed(fence) }
        let view = ClusterView(members: [Self.member("a"), Self.member("b")], leases: leases)
        let decision = machine.renewed(view, began: .seconds(7))
        #expect(decision.claim.count == 2 && decision.handBack.count == 2)
        #expect(Set(decision.claim + decision.handBack.map(\.partition)) == Set(Self.partitions))
    }

    @Test func trustEndsBeforeTheLeaseDoes() {
        var machine = Self.machine()
        _ = machine.renewed(ClusterView(members: [Self.member("a")], leases: [:]), began: .seconds(10))
        _ = machine.claimed([Self.partitions[0]: Self.ownership(1)])
        #expect(machine.trustedUntil == .seconds(15))
        #expect(machine.waited(at: .milliseconds(14_999)).isEmpty)
        #expect(machine.waited(at: .seconds(15)).map(\.partition) == [Self.partitions[0]])
        #expect(machine.waited(at: .seconds(16)).isEmpty, "said once")
    }

    @Test func withoutATimeToLiveTrustIsForEver() {
        let machine = OwnershipMachine(member: "a", partitionCount: 4, timeToLive: nil)
        #expect(machine.trustedUntil == nil)
    }

    /// Members come, go, freeze and come back over a model of the store. Whatever happens, no partition is ever trusted by two
    /// members at once, and when it is quiet again every partition has exactly one owner.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func neverTwoTrustedOwnersAndAlwaysOneInTheEnd(_ seed: UInt64) async throws {
        var cluster = ModelCluster(seed: seed)
        for _ in 0..<300 { try await cluster.step() }
        try await cluster.settle()
    }
}

/// Four members over one store in virtual time. The store's clock is the members' own.
private struct ModelCluster {
    struct Node {
        var member: Member
        var machine: OwnershipMachine
        /// Neither renews nor notices anything until then.
        var frozenUntil = Duration.zero
    }

    private static let timeToLive = Duration.seconds(6)
    private let store = MemoryStore(partitionCount: 8, timeToLive: Self.timeToLive)
    private var generator: SeededGenerator
    private var now = Duration.zero
    private var nodes: [Node] = []
    private var renewals: [Member.ID: Duration] = [:]
    private var born = 0

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
    }

    mutating func step() async throws {
        self.now += .milliseconds(Int.random(in: 1...400, using: &self.generator))
        switch Int.random(in: 0..<40, using: &self.generator) {
        case 0 where self.nodes.count < 4: self.add()
        case 1 where !self.nodes.isEmpty: self.nodes.remove(at: Int.random(in: self.nodes.indices, using: &self.generator))
        case 2 where !self.nodes.isEmpty:
            let index = Int.random(in: self.nodes.indices, using: &self.generator)
            self.nodes[index].frozenUntil = self.now + .seconds(Int.random(in: 1...15, using: &self.generator))
        default: break
        }
        for index in self.nodes.indices where Bool.random(using: &self.generator) { try await self.look(index) }
        self.check()
    }

    private mutating func add() {
        self.born += 1
        let member = Member(id: Member.ID("m\(self.born)"), queues: ["suporte"])
        self.nodes.append(
            Node(
                member: member,
                machine: OwnershipMachine(member: member.id, partitionCount: 8, timeToLive: Self.timeToLive)))
    }

    private mutating func look(_ index: Int) async throws {
        for (id, at) in self.renewals where self.now >= at + Self.timeToLive { self.store.expire(id) }
        guard self.nodes[index].frozenUntil <= self.now else { return }
        let node = self.nodes[index]
        for fence in self.nodes[index].machine.waited(at: self.now) { self.nodes[index].machine.closed(fence) }
        let view = try await self.store.renew(node.member)
        self.renewals[node.member.id] = self.now
        let decision = self.nodes[index].machine.renewed(view, began: self.now)
        for fence in decision.lost { self.nodes[index].machine.closed(fence) }
        for fence in decision.handBack {
            try await self.store.release([fence], of: node.member.id)
            self.nodes[index].machine.closed(fence)
        }
        let claimed = try await self.store.claim(decision.claim, for: node.member.id)
        _ = self.nodes[index].machine.claimed(claimed)
    }

    private func check() {
        var owners: [Partition.ID: Member.ID] = [:]
        for node in self.nodes {
            guard let until = node.machine.trustedUntil, self.now < until else { continue }
            for partition in node.machine.owned {
                #expect(owners[partition] == nil, "\(partition) trusted by two")
                owners[partition] = node.member.id
            }
        }
    }

    mutating func settle() async throws {
        if self.nodes.isEmpty { self.add() }
        self.now += .seconds(30)
        for _ in 0..<6 {
            self.now += .milliseconds(500)
            for index in self.nodes.indices { try await self.look(index) }
            self.check()
        }
        let owned = self.nodes.flatMap { Array($0.machine.owned) }
        #expect(owned.count == 8)
        #expect(Set(owned).count == 8)
    }
}

extension OwnershipMachine.Decision {
    fileprivate static var awaiting: Self {
        var decision = Self.nothing
        decision.isAwaiting = true
        return decision
    }
}
