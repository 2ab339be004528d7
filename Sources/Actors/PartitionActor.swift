public import CardumeCore

/// Owns one partition: reads ahead within its credits, hands messages to their conversations, settles what is finished.
public actor PartitionActor {
    /// What all partitions of one assistant share.
    struct Settings: Sendable {
        var assistant: Assistant
        var bulkhead: Bulkhead
        /// One slot for the whole process: messages that may have killed it run one at a time.
        var suspects: Bulkhead
        /// Messages in memory at most.
        var credits: Int
        /// Of them, messages of one conversation at most.
        var perConversation: Int
        /// Runs under observation after which a message that was running at each crash is given up.
        var crashMarkLimit: Int
    }

    public nonisolated let id: Partition.ID
    private nonisolated let shard: Shard
    private let settings: Settings
    private let environment: RuntimeEnvironment

    private var ownership = Ownership(epoch: Epoch(rawValue: 0), followsCrash: false)
    /// Entries up to here may have been begun by an earlier owner.
    private var inheritedUpTo = LogOffset.start
    private var inheritedConversations: Set<Conversation.ID> = []
    private var window: ReadAheadWindow
    private var conversations: [Conversation.ID: ConversationActor] = [:]
    private var unsettled: [LogOffset] = []
    private var isSettling = false
    private var readTask: Task<Void, Never>?
    private var settleTask: Task<Void, Never>?
    private var isStopping = false
    private var isOpen = false
    private var operations = 0
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []
    private var abandonment: StoreError?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { self.shard.executor.asUnownedSerialExecutor() }

    init(id: Partition.ID, shard: Shard, settings: Settings, environment: RuntimeEnvironment) {
        self.id = id
        self.shard = shard
        self.settings = settings
        self.environment = environment
        self.window = ReadAheadWindow(credits: settings.credits, perConversation: settings.perConversation)
    }

    /// Becomes the owner and begins to read. Called once.
    func open() async throws {
        self.ownership = try await self.environment.untilAvailable {
            try await self.environment.journal.acquire(self.id)
        }
        self.inheritedUpTo = try await self.environment.untilAvailable {
            try await self.environment.log.tail()
        }
        self.isOpen = true
        self.pump(self.window.next())
    }

    /// The log may hold new entries.
    func ring() {
        guard self.isOpen else { return }
        self.pump(self.window.rang())
    }

    /// Conversations in memory.
    var conversationCount: Int { self.conversations.count }

    // MARK: Reading

    private func pump(_ request: ReadAheadWindow.Request) {
        guard request != .none, !self.isStopping else { return }
        self.operationBegan()
        // Not immediate: a store that answers at once would deliver inside another delivery.
        self.readTask = Task {
            await self.read(request)
            self.operationEnded()
        }
    }

    private func read(_ first: ReadAheadWindow.Request) async {
        var request = first
        while request != .none, !self.isStopping {
            do {
                let current = request
                let entries = try await self.environment.untilAvailable {
                    try await self.entries(for: current)
                }
                let items = try await self.environment.untilAvailable {
                    try await self.environment.journal.standing(of: self.inherited(entries))
                }
                // Stopped meanwhile: a conversation that begins now would not have been told.
                guard !self.isStopping else { return self.window.readFailed() }
                self.deliver(entries, items, answering: request)
            } catch {
                if let error = error as? StoreError { self.abandon(error) }
                self.window.readFailed()
                return
            }
            request = self.window.next()
        }
    }

    private func entries(for request: ReadAheadWindow.Request) async throws(StoreError) -> [LogEntry] {
        switch request {
        case .none: []
        case .tail(let after, let limit):
            try await self.environment.log.read(self.id, after: after, limit: limit)
        case .deferred(let offsets):
            try await self.environment.log.read(self.id, at: offsets)
        }
    }

    private func inherited(_ entries: [LogEntry]) -> [LogEntry] {
        entries.filter { $0.offset <= self.inheritedUpTo }
    }

    private func deliver(
        _ entries: [LogEntry], _ standings: [LogOffset: EntryStanding], answering request: ReadAheadWindow.Request
    ) {
        let admitted: [LogEntry]
        if case .tail = request {
            admitted = self.window.tailArrived(entries)
        } else {
            admitted = self.window.deferredArrived(entries)
        }
        for entry in admitted {
            let item = ConversationMachine.Item(entry: entry, standing: self.standing(of: entry, standings))
            let conversation = self.conversation(entry.message.conversation)
            conversation.assumeIsolated { $0.deliver(item) }
        }
    }

    private func standing(
        of entry: LogEntry, _ standings: [LogOffset: EntryStanding]
    ) -> ConversationMachine.Standing {
        switch standings[entry.offset] {
        case .committed(let intents): return .committed(intents)
        case .deadLetter: return .deadLetter
        case .marked(let marks):
            self.inheritedConversations.insert(entry.message.conversation)
            return .suspect(marks: marks)
        case nil:
            // Only the first unfinished message of a conversation can have been running.
            guard self.ownership.followsCrash, entry.offset <= self.inheritedUpTo,
                self.inheritedConversations.insert(entry.message.conversation).inserted
            else { return .fresh }
            return .suspect(marks: 0)
        }
    }

    private func conversation(_ id: Conversation.ID) -> ConversationActor {
        if let existing = self.conversations[id] { return existing }
        let conversation = ConversationActor(
            id: id, shard: self.shard, partition: self, settings: self.settings, environment: self.environment,
            epoch: self.ownership.epoch
        )
        self.conversations[id] = conversation
        return conversation
    }

    // MARK: Told by conversations

    /// The journal has committed everything about `entry`.
    func finished(_ entry: LogEntry) {
        self.unsettled.append(entry.offset)
        self.settleUnlessSettling()
        self.pump(self.window.finished(entry.message.conversation))
    }

    func conversationHeld(_ conversation: Conversation.ID, returning offsets: [LogOffset]) {
        self.pump(self.window.held(conversation, returned: offsets))
    }

    func operationBegan() { self.operations += 1 }

    func operationEnded() {
        self.operations -= 1
        self.resumeIfDrained()
    }

    /// Somebody else owns the partition, or the store is beyond repair: nothing more can be done here.
    func abandon(_ error: StoreError) {
        guard self.abandonment == nil else { return }
        self.abandonment = error
        self.environment.observer.record(.partitionAbandoned(self.id, error), assistant: self.id.assistant)
        self.cancel()
    }

    // MARK: Settling

    private func settleUnlessSettling() {
        guard !self.isSettling else { return }
        self.isSettling = true
        self.operationBegan()
        self.settleTask = Task.immediate {
            await self.settle()
            self.isSettling = false
            self.operationEnded()
        }
    }

    private func settle() async {
        while !self.unsettled.isEmpty {
            let batch = self.unsettled
            self.unsettled.removeAll(keepingCapacity: true)
            do {
                try await self.environment.untilAvailable {
                    try await self.environment.log.settle(batch, in: self.id, epoch: self.ownership.epoch)
                }
            } catch {
                // Already journaled as done: the next owner will find them so and settle them.
                if let error = error as? StoreError { self.abandon(error) }
                return
            }
        }
    }

    // MARK: Operating

    /// Sets a held conversation going again, once the journal has it as released.
    func release(_ id: Conversation.ID) {
        // Not open yet: the journal will say that it is not held.
        guard self.isOpen else { return }
        self.conversations[id]?.assumeIsolated { $0.release() }
        self.pump(self.window.released(id))
    }

    /// Forgets conversations that have been idle for `time`.
    func evict(idleFor time: Duration) {
        for (id, conversation) in self.conversations {
            if let idle = conversation.assumeIsolated({ $0.idleTime }), idle >= time {
                self.conversations[id] = nil
            }
        }
    }

    /// Begins nothing new. What runs may end; see ``drained()``.
    func stop() {
        self.isStopping = true
        for conversation in self.conversations.values { conversation.assumeIsolated { $0.stop() } }
    }

    /// Interrupts what runs. Its messages stay in the log.
    func cancel() {
        self.isStopping = true
        self.readTask?.cancel()
        self.settleTask?.cancel()
        for conversation in self.conversations.values { conversation.assumeIsolated { $0.cancel() } }
    }

    /// Returns when nothing runs any more.
    func drained() async {
        guard self.operations > 0 else { return }
        await withCheckedContinuation { self.drainWaiters.append($0) }
    }

    /// Gives the partition back. Called after ``drained()``.
    func close() async throws(StoreError) {
        self.conversations.removeAll()
        guard self.isOpen, self.abandonment == nil else { return }
        try await self.environment.journal.release(self.id, epoch: self.ownership.epoch)
    }

    private func resumeIfDrained() {
        guard self.operations == 0 else { return }
        let waiters = self.drainWaiters
        self.drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
