public import CardumeCore

/// Opens the partitions of all assistants, wakes them when the log rings, and closes them in order.
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

        public init() {}
    }

    private let partitions: [Partition.ID: PartitionActor]
    private let bulkheads: [AssistantID: Bulkhead]
    private let settings: Settings
    private let environment: RuntimeEnvironment

    /// - Parameters:
    ///   - assistants: those whose queues this process serves.
    ///   - shards: at least one.
    public init(
        assistants: [Assistant], shards: [Shard], settings: Settings = Settings(), environment: RuntimeEnvironment
    ) {
        var partitions: [Partition.ID: PartitionActor] = [:]
        var bulkheads: [AssistantID: Bulkhead] = [:]
        let suspects = Bulkhead(slots: 1, clock: environment.clock)
        for assistant in assistants {
            let bulkhead = Bulkhead(slots: assistant.slots, clock: environment.clock)
            bulkheads[assistant.id] = bulkhead
            for number in 0..<environment.log.partitionCount {
                let id = Partition.ID(assistant: assistant.id, number: number)
                let own = PartitionActor.Settings(
                    assistant: assistant, bulkhead: bulkhead, suspects: suspects, credits: settings.credits,
                    perConversation: settings.perConversation, crashMarkLimit: settings.crashMarkLimit
                )
                // By number alone: a conversation's partitions of all assistants are on one shard.
                let shard = shards[number % shards.count]
                partitions[id] = PartitionActor(id: id, shard: shard, settings: own, environment: environment)
            }
        }
        self.partitions = partitions
        self.bulkheads = bulkheads
        self.settings = settings
        self.environment = environment
    }

    /// Opens all partitions and serves them until the task is cancelled. Called once; afterwards, ``shutDown(within:)``.
    ///
    /// - Parameter onReady: called once all partitions are open.
    public func run(onReady: @Sendable () -> Void = {}) async throws {
        // Listening before opening: a ring for a partition that is not open yet is repeated by its opening read.
        let doorbell = self.environment.log.doorbell()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for partition in self.partitions.values {
                group.addTask { try await partition.open() }
            }
            try await group.waitForAll()
        }
        onReady()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.sweep() }
            for await id in doorbell {
                await self.partitions[id]?.ring()
            }
            group.cancelAll()
        }
    }

    private func sweep() async {
        while (try? await self.environment.clock.sleep(for: self.settings.idleTime / 2)) != nil {
            for partition in self.partitions.values {
                await partition.evict(idleFor: self.settings.idleTime)
            }
        }
    }

    /// Begins nothing new, lets what runs end within `deadline`, then interrupts the rest; what was not finished stays in
    /// the log. Returns whether all ended in time.
    public func shutDown(within deadline: Duration) async -> Bool {
        for partition in self.partitions.values { await partition.stop() }
        let isInTime = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for partition in self.partitions.values { await partition.drained() }
                return true
            }
            group.addTask {
                guard (try? await self.environment.clock.sleep(for: deadline)) != nil else { return true }
                for partition in self.partitions.values { await partition.cancel() }
                return false
            }
            let first = await group.next() ?? true
            group.cancelAll()
            await group.waitForAll()
            return first
        }
        for partition in self.partitions.values {
            do {
                try await partition.close()
            } catch {
                self.environment.observer.record(.storeUnavailable(error, delay: .zero), assistant: nil)
            }
        }
        return isInTime
    }

    /// Sets a held conversation going again, once the journal has it as released.
    public func release(_ conversation: Conversation.ID) async {
        let number = conversation.partitionNumber(of: self.environment.log.partitionCount)
        for assistant in self.bulkheads.keys {
            await self.partitions[Partition.ID(assistant: assistant, number: number)]?.release(conversation)
        }
    }

    /// Turns running and turns waiting for a slot, by assistant.
    public var load: [AssistantID: (running: Int, waiting: Int)] {
        self.bulkheads.mapValues { ($0.inUse, $0.waiting) }
    }

    /// Conversations in memory.
    public func conversationCount() async -> Int {
        var count = 0
        for partition in self.partitions.values { count += await partition.conversationCount }
        return count
    }
}
