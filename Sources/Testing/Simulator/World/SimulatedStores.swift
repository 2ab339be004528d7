package import CardumeCore

/// The ways to the stores of a simulated world in which nothing goes wrong, for whoever wants to know whether these keep what
/// stores promise.
package struct SimulatedStores: Sendable {
    package let log: any PartitionLog
    package let journal: any Journal
    package let leases: any LeaseStore
    private let world: World

    /// Runs `body` in such a world, on the calling thread.
    ///
    /// - Throws: what `body` throws; ``Violation`` when it never ends.
    package static func run(_ body: @escaping @Sendable (SimulatedStores) async throws -> Void) throws {
        var plan = SimulationPlan(seed: 0)
        (plan.faults, plan.arrivals, plan.partitions) = ([], [], 4)
        let world = World(plan, without: [], isRecording: false)
        try GlobalPool.withJobs(for: world.loop) { try SimulatedStores(world).run(body) }
    }

    private func run(_ body: @escaping @Sendable (SimulatedStores) async throws -> Void) throws {
        let world = self.world
        let end = End()
        world.outside.begin {
            do {
                end.result = .success(try await body(self))
            } catch {
                end.result = .failure(error)
            }
        }
        while end.result == nil, world.loop.step() {}
        _ = world.outside.vanish()
        world.loop.clear()
        guard let result = end.result else { throw Violation(promise: .progress, details: "nobody goes on") }
        try result.get()
    }

    private init(_ world: World) {
        self.world = world
        func link(_ store: Fault.Store) -> StoreLink { StoreLink(world: world, party: world.outside, store: store) }
        self.log = SimulatedLog(link: link(.log))
        self.journal = SimulatedJournal(link: link(.journal))
        self.leases = SimulatedLeases(link: link(.journal))
    }

    /// Of the present owner; somebody, when there was none.
    package func fence(of partition: Partition.ID) async throws -> Fence {
        if self.world.store.leaseHolder(of: partition) == nil {
            _ = try await self.leases.renew(Member(id: "owner", queues: [partition.queue]))
            _ = try await self.leases.claim([partition], for: "owner")
        }
        return Fence(partition, self.world.store.epoch(of: partition))
    }

    /// Returns when a member that has not renewed itself since the call is dead.
    package func outlive() async throws {
        try await self.world.outsideClock.sleep(for: self.world.plan.timeToLive)
    }

    private final class End: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
        var result: Result<Void, any Error>?
    }
}
