/// Which member should own which partition: the same answer for all who see the same members.
///
/// Rendezvous hashing (Thaler and Ravishankar, 1998) with a quota: of a queue's partitions every member gets as many as every
/// other, or one more, so that totals, too, differ by one at most when all members serve all queues. A partition goes to the
/// member with the highest weight among those whose quota is not used up, so that few move when a member comes or goes.
public enum Placement {
    /// - Parameters:
    ///   - partitionCount: of every queue.
    ///   - members: in any order.
    /// - Returns: queues that no member serves are missing.
    public static func owners(partitionCount: Int, members: [Member]) -> [Partition.ID: Member.ID] {
        let members = members.sorted { $0.id < $1.id }
        let queues = Set(members.flatMap(\.queues)).sorted()
        var totals = [Int](repeating: 0, count: members.count)
        var owners: [Partition.ID: Member.ID] = [:]
        owners.reserveCapacity(queues.count * partitionCount)
        for queue in queues {
            let eligible = members.indices.filter { members[$0].queues.contains(queue) }
            let seeds = members.map { StableHash.mixed($0.id.rawValue.utf8, queue.rawValue.utf8) }
            var quotas = [Int](repeating: 0, count: members.count)
            for index in eligible { quotas[index] = partitionCount / eligible.count }
            // Who has least so far gets one more.
            let first = eligible.sorted { (totals[$0], seeds[$0]) < (totals[$1], seeds[$1]) }
            for index in first.prefix(partitionCount % eligible.count) { quotas[index] += 1 }
            for index in eligible { totals[index] += quotas[index] }
            for number in 0..<partitionCount {
                let open = eligible.filter { quotas[$0] > 0 }
                let best = open.max {
                    StableHash.mixed(seeds[$0], UInt64(number)) < StableHash.mixed(seeds[$1], UInt64(number))
                }
                guard let best else { preconditionFailure("quotas add up to the partitions of a queue") }
                quotas[best] -= 1
                owners[Partition.ID(queue, number: number)] = members[best].id
            }
        }
        return owners
    }
}
