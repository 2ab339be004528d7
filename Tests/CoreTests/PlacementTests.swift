import CardumeCore
import Testing

@Suite struct PlacementTests {
    private static func members(_ count: Int, queues: Set<QueueID> = ["suporte", "financeiro", "comercial"]) -> [Member] {
        (0..<count).map { Member(id: Member.ID("pod-\($0)"), queues: queues) }
    }

    private static func loads(_ owners: [Partition.ID: Member.ID]) -> [Member.ID: Int] {
        Dictionary(owners.values.map { ($0, 1) }, uniquingKeysWith: +)
    }

    @Test(arguments: 1...20) func everyPartitionHasOneOwnerAndLoadsAreEven(_ count: Int) {
        let owners = Placement.owners(partitionCount: 64, members: Self.members(count))
        #expect(owners.count == 3 * 64)
        let loads = Self.loads(owners).values
        #expect(loads.count == count)
        #expect(loads.max()! - loads.min()! <= 1)
    }

    @Test func theOrderOfMembersDoesNotMatter() {
        let members = Self.members(7)
        #expect(
            Placement.owners(partitionCount: 64, members: members)
                == Placement.owners(partitionCount: 64, members: members.reversed()))
    }

    @Test func onlyMembersThatServeAQueueOwnItsPartitions() {
        let members = Self.members(2, queues: ["suporte"]) + [Member(id: "other", queues: ["financeiro"])]
        let owners = Placement.owners(partitionCount: 16, members: members)
        #expect(owners.count == 32)
        for (partition, owner) in owners { #expect((partition.queue == "financeiro") == (owner == "other")) }
        #expect(Placement.owners(partitionCount: 16, members: [Member(id: "leaving", queues: [])]).isEmpty)
    }

    /// A perfect placement moves one member's share; quotas cost a little more.
    @Test(arguments: 2...12) func fewPartitionsMoveWhenAMemberLeaves(_ count: Int) {
        let before = Placement.owners(partitionCount: 64, members: Self.members(count))
        let after = Placement.owners(partitionCount: 64, members: Self.members(count - 1))
        let moved = before.count { after[$0.key] != $0.value }
        #expect(moved <= 192 / count * 5 / 2, "\(moved) of 192 moved")
    }
}
