public import CardumeCore

/// What every ``LeaseStore`` that several members share promises. Run against an empty one whose time to live is a second or
/// less.
public struct LeaseStoreConformance {
    private let leases: any LeaseStore
    private let partitions = (0..<8).map { Partition.ID(assistant: Sample.assistant, number: $0) }

    public init(_ leases: any LeaseStore) {
        self.leases = leases
    }

    /// - Parameter expire: returns when a member that has not renewed itself since the call is no longer live.
    /// - Throws: a ``ConformanceFailure`` at the first broken promise.
    public func run(expire: () async throws -> Void) async throws {
        let (a, b) = (self.member("a"), self.member("b"))
        var view = try await self.leases.renew(a)
        try expect(view == ClusterView(members: [a], leases: [:]), "a new store has no leases")
        let first = try await self.leases.claim(self.partitions, for: "a")
        try expect(Set(first.keys) == Set(self.partitions), "what nobody holds can be claimed")
        try expect(first.values.allSatisfy { !$0.followsCrash }, "what nobody ever held follows no crash")
        view = try await self.leases.renew(b)
        try expect(Set(view.members) == [a, b], "members see each other")
        var busy = a
        let report = QueueReport(
            running: 3, known: 43, waiting: .init(conversations: 7, messages: 40),
            excluded: [.budget: .init(conversations: 1, messages: 2)], oldest: Timestamp(milliseconds: 1_795_176_000_000),
            turn: TurnMean(seconds: 1.5, weight: 12), age: 0.25)
        busy.load = [
            "suporte": TurnLoad(running: 3, waiting: 40, queues: [Sample.queue: report]),
            "vendas": TurnLoad(running: 0, waiting: 1),
        ]
        _ = try await self.leases.renew(busy)
        try expect(Set(try await self.leases.members()) == [busy, b], "a member's load is known to those who are none")
        _ = try await self.leases.renew(a)
        try expect(Set(try await self.leases.members()) == [a, b], "and changes with each renewal")
        try expect(a.address != nil && b.address == nil, "some members have an address")
        let holder = try await self.leases.holder(of: self.partitions[0])
        try expect(holder?.id == "a" && holder?.member == a, "who holds a lease is known to others, with its address")
        try expect((holder?.lifetimeLeft).map { $0 > .zero } ?? false, "and how long it lives")
        try expect(
            try await self.leases.holder(of: Partition.ID("nobody", number: 0)) == nil, "what nobody holds has no holder")
        try expect(view.leases.allSatisfy { $0.value == Lease(holder: "a", epoch: first[$0.key]!.epoch) }, "and the leases")
        try expect(try await self.leases.claim(self.partitions, for: "b").isEmpty, "a live member's lease is never taken")

        let released = self.partitions[0]
        try await self.leases.release([Fence(released, first[released]!.epoch)], of: "a")
        let second = try await self.leases.claim(self.partitions, for: "b")
        try expect(Set(second.keys) == [released], "what was released can be claimed")
        try expect(second[released]!.epoch > first[released]!.epoch, "with a later epoch")
        try expect(!second[released]!.followsCrash, "and follows no crash")
        try await self.leases.release([Fence(released, first[released]!.epoch)], of: "a")
        view = try await self.leases.renew(b)
        try expect(view.leases[released]?.holder == "b", "a stale release changes nothing")

        let again = try await self.leases.claim([self.partitions[1]], for: "a")
        try expect(again[self.partitions[1]].map { !$0.followsCrash } ?? false, "its own lease can be claimed again")

        try await expire()
        view = try await self.leases.renew(b)
        try expect(view.members == [b], "who does not renew itself is gone")
        let gone = try await self.leases.holder(of: self.partitions[1])
        try expect(gone == LeaseHolder(id: "a"), "a dead member's lease is its own until somebody claims it")
        let third = try await self.leases.claim(Array(self.partitions[1...4]), for: "b")
        try expect(Set(third.keys) == Set(self.partitions[1...4]), "a dead member's leases can be claimed")
        try expect(third.values.allSatisfy(\.followsCrash), "and follow a crash")
        view = try await self.leases.renew(a)
        let own = view.leases.filter { $0.value.holder == "a" }.keys
        try expect(Set(own) == Set(self.partitions[5...]), "who comes back has what nobody took")

        try await self.leases.leave("a")
        let last = try await self.leases.claim(Array(self.partitions[5...]), for: "b")
        try expect(last.count == 3 && last.values.allSatisfy(\.followsCrash), "who leaves without releasing crashed")
    }

    private func member(_ name: String) -> Member {
        Member(id: Member.ID(name), queues: [Sample.queue], address: name == "a" ? "http://10.1.2.3:8080" : nil)
    }
}
