public import CardumeCore
import Synchronization

/// The partitions that this process owns, and what their work shares.
public final class Dispatcher: Sendable {
    public struct Settings: Sendable {
        /// Messages that one partition holds in memory at most. Defaults to 512.
        public var credits = 512
        /// Of them, messages of one conversation at most. Defaults to 32.
        public var perConversation = 32
        /// How long a conversation without work stays in memory. Defaults to 60 s.
        public var idleTime: Duration = .seconds(60)
        /// Observed crashes after which a message is given up. Defaults to 2: with the first, unobserved one, a message that
        /// kills the process kills it three times.
        public var crashMarkLimit = 2
        /// Turns of all assistants that may run at once; `nil` for as many as these have together.
        public var slots: Int?

        public init() {}
    }

    private let partitions = Mutex<[Partition.ID: PartitionActor]>([:])
    private let assistants: Mutex<[AssistantID: PartitionSettings]>
    private let bulkheads: [AssistantID: Bulkhead]
    private let suspects: Bulkhead
    private let pool: SlotPool
    private let shards: [Shard]
    private let settings: Live<Settings>
    public let environment: RuntimeEnvironment

    /// The queues whose partitions may be opened here.
    public let queues: Set<QueueID>

    /// - Parameters:
    ///   - assistants: those that may run here.
    ///   - lanes: whose queues may be opened here; `nil`, the default, for all. ``Lane/light`` stands for the queue of all lanes
    ///     without one of their own.
    ///   - shards: at least one.
    public init(
        assistants: [Assistant], lanes: Set<Lane>? = nil, shards: [Shard], settings: Settings = Settings(),
        environment: RuntimeEnvironment
    ) {
        let clock = environment.clock
        // Also without a total: one may be set later.
        let pool = SlotPool(total: settings.slots, clock: clock)
        self.pool = pool
        self.queues = Set(assistants.flatMap(\.queues).filter { lanes?.contains($0.lane) ?? true })
        self.bulkheads = Dictionary(
            uniqueKeysWithValues: assistants.map {
                ($0.id, Bulkhead($0.slotLimits, adaptive: $0.adaptiveLimits, in: pool))
            })
        self.suspects = Bulkhead(slots: 1, clock: clock)
        self.shards = shards
        self.settings = Live(settings)
        self.environment = environment
        self.assistants = Mutex([:])
        self.assistants.withLock { $0 = self.settings(of: assistants) }
    }

    private func settings(of assistants: [Assistant]) -> [AssistantID: PartitionSettings] {
        let common = self.settings.value
        return assistants.reduce(into: [:]) { result, assistant in
            guard let bulkhead = self.bulkheads[assistant.id] else { return }
            result[assistant.id] = PartitionSettings(
                assistant: assistant, bulkhead: bulkhead, suspects: self.suspects, credits: common.credits,
                perConversation: common.perConversation, crashMarkLimit: common.crashMarkLimit)
        }
    }

    /// From now on these count, also for conversations that run.
    ///
    /// - Parameters:
    ///   - assistants: those known from the start, with other settings; others are passed over.
    ///   - common: `nil` for those there are.
    public func update(_ assistants: [Assistant], _ common: Settings? = nil) async {
        if let common {
            self.settings.set(common)
            self.pool.resize(total: common.slots)
        }
        let settings = self.settings(of: assistants)
        self.assistants.withLock { $0.merge(settings) { $1 } }
        let isIdle = self.open.isEmpty
        for assistant in assistants {
            // Nothing has been found out yet, or it is old: the limits begin where they are told to now.
            if isIdle { self.bulkheads[assistant.id]?.update(assistant.slotLimits) }
            self.bulkheads[assistant.id]?.update(assistant.slotLimits, adaptive: assistant.adaptiveLimits)
        }
        for partition in self.open {
            if let new = settings[partition.id.queue.assistant] { await partition.update(new) }
        }
    }

    /// In the order of their ids.
    var open: [PartitionActor] {
        self.partitions.withLock { Array($0.values) }.sorted { $0.id < $1.id }
    }

    /// As many as there are places where partitions live.
    var probes: [ShardProbe] { self.shards.map { ShardProbe(shard: $0) } }

    /// Those of the shard of this number.
    func open(onShard number: Int) -> [PartitionActor] { self.open.filter { $0.id.number % self.shards.count == number } }

    /// Begins to work on a partition that has been claimed. Called at most once until it is closed.
    ///
    /// - Parameter onAbandon: called at most once, when the partition found that it cannot go on; it is still to be closed.
    func open(
        _ fence: Fence, followsCrash: Bool, onAbandon: @escaping @Sendable (StoreError) -> Void
    ) async throws(StoreError) {
        guard let settings = self.assistants.withLock({ $0[fence.partition.queue.assistant] }) else {
            preconditionFailure("\(fence.partition): no such assistant here")
        }
        let partition = PartitionActor(
            fence: fence, followsCrash: followsCrash,
            // By number alone: a conversation's partitions of all assistants are on one shard.
            shard: self.shards[fence.partition.number % self.shards.count],
            settings: settings, environment: self.environment, onAbandon: onAbandon)
        try await partition.open()
        self.partitions.withLock { $0[fence.partition] = partition }
        // Changed while it was being opened, and not among those that were told.
        if let latest = self.assistants.withLock({ $0[fence.partition.queue.assistant] }), latest !== settings {
            await partition.update(latest)
        }
    }

    /// Begins nothing new there, lets what runs end, and forgets the partition.
    ///
    /// - Parameter deadline: when it comes, what still runs is interrupted; its messages stay in the log.
    /// - Returns: whether all ended in time.
    func close(_ partition: Partition.ID, within deadline: Duration) async -> Bool {
        guard let partition = self.partitions.withLock({ $0[partition] }) else { return true }
        await partition.stop()
        let isInTime = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await partition.drained()
                return true
            }
            group.addTask { (try? await self.environment.clock.sleep(for: deadline)) == nil }
            let isInTime = await group.next() ?? true
            if !isInTime { await partition.cancel() }
            group.cancelAll()
            await group.waitForAll()
            return isInTime
        }
        await self.forget(partition)
        return isInTime
    }

    /// Interrupts everything there and forgets the partition.
    func abandon(_ partition: Partition.ID) async {
        guard let partition = self.partitions.withLock({ $0[partition] }) else { return }
        await partition.cancel()
        await partition.drained()
        await self.forget(partition)
    }

    private func forget(_ partition: PartitionActor) async {
        self.partitions.withLock { $0[partition.id] = nil }
        await partition.forget()
    }

    /// Forgets conversations that have been idle for long; returns when the task is cancelled.
    func sweep() async {
        // Often enough for a time that was made shorter meanwhile.
        while (try? await self.environment.clock.sleep(for: min(self.settings.value.idleTime / 2, .seconds(30)))) != nil {
            for partition in self.open { await partition.evict(idleFor: self.settings.value.idleTime) }
        }
    }

    /// Turns running and turns waiting for a slot, by assistant.
    public var load: [AssistantID: (running: Int, waiting: Int)] {
        self.bulkheads.mapValues { ($0.inUse, $0.waiting) }
    }

    /// The slots of each assistant.
    public var slots: [AssistantID: Bulkhead] { self.bulkheads }

    /// Conversations in memory.
    public func conversationCount() async -> Int {
        var count = 0
        for partition in self.open { count += await partition.conversationCount }
        return count
    }
}
