public import CardumeCore
import Synchronization

/// Shares the partitions with the other members of the cluster: renews this member, claims what it should own, hands back
/// what others should, gives up what it has lost. With a store that only one process uses, it owns everything.
public final class Coordinator: Sendable {
    /// How ``run(onReady:)`` ended.
    public enum End: Sendable {
        /// After ``shutDown(within:)``; whether all that ran ended in time.
        case stopped(isInTime: Bool)
        /// Nothing can be done here any more.
        case failed(StoreError)
    }

    public static let defaultHandoverDeadline: Duration = .seconds(10)

    private enum Signal: Sendable {
        case tick
        case abandoned(Fence, StoreError)
        case stuck(Fence)
        case closed(Fence, isInTime: Bool)
        case shutDown(within: Duration)
    }

    private struct State {
        var machine: OwnershipMachine
        var member: Member
        /// Of the log, as it was last seen.
        var incarnation: Int?
        var isStopping = false
        var isInTime = true
        /// Alive, as they were last seen.
        var members = 0
        /// Partitions whose owner before had not said goodbye.
        var takeovers = 0
        /// Partitions whose owner before has died, or may have, until they are released: the store says it with one claim only,
        /// whose answer may be lost, or which may come to nothing because the partition cannot be opened in time.
        var suspected: Set<Partition.ID> = []
    }

    private let state: Mutex<State>
    private let leases: any LeaseStore
    public let id: Member.ID
    public let dispatcher: Dispatcher
    /// Looks after what this process owns, as long as somebody runs it.
    public let surveyor: Surveyor
    private let environment: RuntimeEnvironment
    private let interval: Duration
    private let handoverDeadline: Live<Duration>
    private let signals = AsyncStream<Signal>.makeStream()

    /// - Parameters:
    ///   - member: a name that no other process has, nor had.
    ///   - interval: between two looks at the cluster. Defaults to 500 ms.
    ///   - handoverDeadline: how long running turns may delay a partition's move to another member. Defaults to 10 s.
    public init(
        member: Member.ID, leases: any LeaseStore, dispatcher: Dispatcher, interval: Duration = .milliseconds(500),
        handoverDeadline: Duration = Coordinator.defaultHandoverDeadline
    ) {
        self.id = member
        self.leases = leases
        self.dispatcher = dispatcher
        self.surveyor = Surveyor(dispatcher)
        self.environment = dispatcher.environment
        self.interval = interval
        self.handoverDeadline = Live(handoverDeadline)
        let machine = OwnershipMachine(
            member: member, partitionCount: self.environment.log.partitionCount, timeToLive: leases.timeToLive)
        self.state = Mutex(State(machine: machine, member: Member(id: member, queues: dispatcher.queues)))
    }

    /// Partitions owned, those that are being handed back included.
    public var ownedCount: Int { self.state.withLock { $0.machine.count } }

    /// Processes alive, this one included, as they were last seen; 0 before the first look.
    public var memberCount: Int { self.state.withLock { $0.members } }

    /// Partitions opened so far whose owner before had not said goodbye.
    public var takeoverCount: Int { self.state.withLock { $0.takeovers } }

    /// Tells the other members where this one's HTTP server is, with its next renewal.
    ///
    /// - Parameter address: `nil` for nowhere.
    public func advertise(_ address: String?) { self.state.withLock { $0.member.address = address } }

    /// Counts for partitions that are handed over from now on.
    public func update(handoverDeadline: Duration) { self.handoverDeadline.set(handoverDeadline) }

    /// Turns running and turns waiting for a slot here, and what is known of the queues.
    public var load: [AssistantID: TurnLoad] {
        let reports = Dictionary(grouping: self.surveyor.reports) { $0.key.assistant }
        return self.dispatcher.load.reduce(into: [:]) { result, load in
            result[load.key] = TurnLoad(
                running: load.value.running, waiting: load.value.waiting,
                queues: Dictionary(reports[load.key] ?? []) { first, _ in first })
        }
    }

    /// This process, as it tells others of itself.
    public var membership: Member {
        var member = self.state.withLock { $0.member }
        member.load = self.load
        return member
    }

    /// Begins again with a partition whose reader brings nothing: what runs there may end, then it is handed back and claimed
    /// anew.
    func restart(_ fence: Fence) { self.signals.continuation.yield(.stuck(fence)) }

    /// Takes part until ``shutDown(within:)``. Called once.
    ///
    /// - Parameter onReady: called once, when the first partitions that fell to this member are open.
    public func run(onReady: @Sendable () -> Void = {}) async -> End {
        var isReady = false
        var end: End?
        await withDiscardingTaskGroup { group in
            group.addTask { await self.dispatcher.sweep() }
            group.addTask { await self.watchTrust() }
            self.signals.continuation.yield(.tick)
            for await signal in self.signals.stream {
                switch signal {
                case .tick:
                    var pause = self.interval
                    do throws(StoreError) {
                        // What others are handing over waits for nobody but this member.
                        if try await self.look(&group) { pause = self.interval / 10 }
                        if !isReady { onReady() }
                        isReady = true
                    } catch {
                        guard error.code.isTransient else {
                            end = .failed(error)
                            break
                        }
                        self.environment.observer.record(.storeUnavailable(error, delay: self.interval), assistant: nil)
                    }
                    group.addTask { [pause] in await self.tickLater(after: pause) }
                case .abandoned(let fence, let error):
                    guard error.code == .fenced, self.leases.timeToLive != nil else {
                        end = .failed(error)
                        break
                    }
                    guard self.state.withLock({ $0.machine.fenced(fence) }) else { break }
                    self.environment.trust.revoke([fence])
                    self.giveUp([fence], &group)
                case .stuck(let fence):
                    guard self.state.withLock({ $0.machine.fenced(fence) }) else { break }
                    self.environment.observer.record(
                        .readerRestarted(fence.partition), assistant: fence.partition.queue.assistant)
                    self.handBack([fence], within: self.handoverDeadline.value, &group)
                case .closed(let fence, let isInTime):
                    self.environment.trust.forget(fence)
                    self.state.withLock { state in
                        state.machine.closed(fence)
                        state.isInTime = state.isInTime && isInTime
                    }
                case .shutDown(let deadline):
                    self.handBackAll(within: deadline, &group)
                    // At once, so that others need not wait for the next tick to see whose turn it is.
                    _ = try? await self.look(&group)
                }
                end = end ?? self.endIfShutDown()
                if end != nil { break }
            }
            group.cancelAll()
        }
        if case .failed = end { await self.interruptAll() }
        try? await self.leases.leave(self.state.withLock { $0.member.id })
        return end ?? .stopped(isInTime: false)
    }

    /// Hands everything back: nothing new begins, what runs may end within `deadline`, the rest stays in the log for others.
    /// Makes ``run(onReady:)`` return.
    public func shutDown(within deadline: Duration) {
        self.signals.continuation.yield(.shutDown(within: deadline))
    }

    private func tickLater(after pause: Duration) async {
        guard (try? await self.environment.clock.sleep(for: pause)) != nil else { return }
        self.signals.continuation.yield(.tick)
    }

    // MARK: Looking at the cluster

    /// Renews the membership and does what the cluster asks for.
    ///
    /// - Returns: whether others are about to hand something over.
    private func look(_ group: inout DiscardingTaskGroup) async throws(StoreError) -> Bool {
        // Who cannot reach the log must let others have it.
        if self.leases.timeToLive != nil { self.look(at: try await self.environment.log.check(), &group) }
        var (member, isStopping) = self.state.withLock { ($0.member, $0.isStopping) }
        member.load = self.load
        let began = self.environment.clock.uptime
        let view = try await self.leases.renew(member)
        let decision = self.state.withLock { state in
            let decision = state.machine.renewed(view, began: began)
            state.members = view.members.count
            // First: a conversation may be about to send while its partition has not heard yet.
            self.environment.trust.revoke(decision.lost)
            self.environment.trust.extend(to: state.machine.trustedUntil)
            return decision
        }
        self.giveUp(decision.lost, &group)
        self.handBack(decision.handBack, within: self.handoverDeadline.value, &group)
        var opened = 0
        if !decision.claim.isEmpty, !isStopping {
            opened = await self.open(try await self.claim(decision.claim, for: member.id))
        }
        if opened + decision.handBack.count + decision.lost.count > 0 {
            self.environment.observer.record(
                .ownershipChanged(
                    opened: opened, handedBack: decision.handBack.count, lost: decision.lost.count, owned: self.ownedCount,
                    members: view.members.count), assistant: nil)
        }
        return decision.isAwaiting && !isStopping
    }

    /// A log that is not what it was is read from the start again: partitions are handed back, and claimed anew.
    private func look(at incarnation: Int, _ group: inout DiscardingTaskGroup) {
        let fences = self.state.withLock { state in
            defer { state.incarnation = incarnation }
            return state.incarnation ?? incarnation == incarnation ? [] : state.machine.closeAll()
        }
        self.handBack(fences, within: self.handoverDeadline.value, &group)
    }

    private func claim(
        _ partitions: [Partition.ID], for member: Member.ID
    ) async throws(StoreError) -> [Partition.ID: Ownership] {
        do throws(StoreError) {
            let claimed = try await self.leases.claim(partitions, for: member)
            return self.state.withLock { state in
                var claimed = claimed
                for (partition, ownership) in claimed {
                    if ownership.followsCrash { state.suspected.insert(partition) }
                    claimed[partition]?.followsCrash = state.suspected.contains(partition)
                }
                return state.machine.claimed(claimed)
            }
        } catch {
            self.state.withLock { $0.suspected.formUnion(partitions) }
            throw error
        }
    }

    private func open(_ ownerships: [Partition.ID: Ownership]) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            // In order, so that a simulation repeats itself.
            for (partition, ownership) in ownerships.sorted(by: { $0.key < $1.key }) {
                group.addTask {
                    let isOpen = await self.open(
                        Fence(partition, ownership.epoch), followsCrash: ownership.followsCrash)
                    if isOpen, ownership.followsCrash { self.state.withLock { $0.takeovers += 1 } }
                    return isOpen
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    /// One that cannot be opened is claimed again at the next look, for the lease stays this member's.
    private func open(_ fence: Fence, followsCrash: Bool) async -> Bool {
        do throws(StoreError) {
            try await self.dispatcher.open(fence, followsCrash: followsCrash) { error in
                self.signals.continuation.yield(.abandoned(fence, error))
            }
            // The log may have taken so long that trust has ended meanwhile, and there was nothing to interrupt yet.
            guard self.state.withLock({ $0.machine.isOpen(fence) }) else {
                await self.dispatcher.abandon(fence.partition)
                return false
            }
            return true
        } catch {
            self.environment.observer.record(.storeUnavailable(error, delay: self.interval), assistant: nil)
            self.state.withLock { $0.machine.closed(fence) }
            return false
        }
    }

    /// A store that does not answer must not keep this process believing in leases that have run out.
    private func watchTrust() async {
        guard self.leases.timeToLive != nil else { return }
        while (try? await self.environment.clock.sleep(for: self.interval / 2)) != nil {
            let lost = self.state.withLock { state in
                let lost = state.machine.waited(at: self.environment.clock.uptime)
                self.environment.trust.revoke(lost)
                return lost
            }
            guard !lost.isEmpty else { continue }
            self.environment.observer.record(
                .ownershipChanged(opened: 0, handedBack: 0, lost: lost.count, owned: 0, members: 0), assistant: nil)
            await withDiscardingTaskGroup { group in
                for fence in lost { group.addTask { await self.interrupt(fence) } }
            }
        }
    }

    // MARK: Closing partitions

    private func handBack(_ fences: [Fence], within deadline: Duration, _ group: inout DiscardingTaskGroup) {
        for fence in fences {
            group.addTask {
                // Shielded: what was begun is handed back also when the process is going down.
                await Task {
                    let isInTime = await self.dispatcher.close(fence.partition, within: deadline)
                    do throws(StoreError) {
                        try await self.leases.release([fence], of: self.state.withLock { $0.member.id })
                        self.state.withLock { _ = $0.suspected.remove(fence.partition) }
                    } catch {
                        // Its next owner waits for this member's end, and will suspect what was running.
                        self.environment.observer.record(.storeUnavailable(error, delay: .zero), assistant: nil)
                    }
                    self.signals.continuation.yield(.closed(fence, isInTime: isInTime))
                }.value
            }
        }
    }

    private func handBackAll(within deadline: Duration, _ group: inout DiscardingTaskGroup) {
        let fences = self.state.withLock { state in
            state.isStopping = true
            state.member.queues = []
            return state.machine.closeAll()
        }
        self.handBack(fences, within: deadline, &group)
    }

    private func giveUp(_ fences: [Fence], _ group: inout DiscardingTaskGroup) {
        for fence in fences { group.addTask { await self.interrupt(fence) } }
    }

    private func interrupt(_ fence: Fence) async {
        await self.dispatcher.abandon(fence.partition)
        self.signals.continuation.yield(.closed(fence, isInTime: true))
    }

    private func interruptAll() async {
        let fences = self.state.withLock { $0.machine.closeAll() }
        await withDiscardingTaskGroup { group in
            for fence in fences { group.addTask { await self.dispatcher.abandon(fence.partition) } }
        }
    }

    private func endIfShutDown() -> End? {
        self.state.withLock { state in
            guard state.isStopping, state.machine.count == 0 else { return nil }
            return .stopped(isInTime: state.isInTime)
        }
    }
}
