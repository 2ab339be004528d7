import CardumeCore

/// Owns one partition: reads ahead within its credits, hands messages to their conversations, settles what is finished.
actor PartitionActor {
    nonisolated let fence: Fence
    private nonisolated let shard: Shard
    private(set) var settings: PartitionSettings
    let environment: RuntimeEnvironment
    private let followsCrash: Bool
    private let onAbandon: @Sendable (StoreError) -> Void

    /// Entries up to here may have been begun by an earlier owner.
    private var inheritedUpTo = LogOffset.start
    /// Of each conversation's entries, those that may have been begun: how many are known, and the latest of them.
    private var earliest: [Conversation.ID: (count: Int, upTo: LogOffset)] = [:]
    var window: ReadAheadWindow
    private var conversations: [Conversation.ID: ConversationActor] = [:]
    private var unsettled: [LogOffset] = []
    private var isSettling = false
    private var tailTask: Task<Void, Never>?
    private var deferredTask: Task<Void, Never>?
    private var settleTask: Task<Void, Never>?
    private(set) var isStopping = false
    var timers = PartitionTimers()
    /// Where conversations have gone whose drains are known and not yet reached, in the order of the log.
    var drains: [Conversation.ID: [(offset: LogOffset, drain: LogDrain)]] = [:]
    private var isOpen = false
    /// Whether the log has been asked for new entries and has not answered.
    private(set) var awaitsEntries = false
    private var operations = 0
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []
    private var isAbandoned = false

    nonisolated var id: Partition.ID { self.fence.partition }
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.shard.executor.asUnownedSerialExecutor() }

    /// - Parameter onAbandon: called at most once, when the partition cannot go on.
    init(
        fence: Fence, followsCrash: Bool, shard: Shard, settings: PartitionSettings, environment: RuntimeEnvironment,
        onAbandon: @escaping @Sendable (StoreError) -> Void
    ) {
        self.fence = fence
        self.followsCrash = followsCrash
        self.shard = shard
        self.settings = settings.copy()
        self.environment = environment
        self.onAbandon = onAbandon
        self.window = ReadAheadWindow(credits: settings.credits, perConversation: settings.perConversation)
    }

    /// Begins to read. Called once.
    func open() async throws(StoreError) {
        let opening = try await self.environment.log.open(self.fence)
        self.inheritedUpTo = opening.latest
        _ = self.takeNotices(from: opening.drains)
        self.isOpen = true
        self.wake(at: opening.nextTimer)
        self.pump()
    }

    /// Conversations in memory.
    var conversationCount: Int { self.conversations.count }

    /// What it has in memory.
    var census: QueueCensus {
        var census = QueueCensus(
            partitions: 1, credits: self.window.credits, messages: self.window.inMemory, conversations: self.conversations.count
        )
        for conversation in self.conversations.values {
            guard let oldest = conversation.assumeIsolated({ $0.machine.oldest }) else { continue }
            census.busy += 1
            census.oldest = min(census.oldest ?? oldest, oldest)
        }
        return census
    }

    // MARK: Reading

    /// Begins the reads that are due.
    private func pump() {
        guard self.isOpen, !self.isStopping else { return }
        // Not immediate: a store that answers at once would deliver inside another delivery.
        if let read = self.window.nextTail() {
            self.operationBegan()
            self.tailTask = Task {
                await self.readTail(read)
                self.operationEnded()
            }
        }
        if let offsets = self.window.nextDeferred() {
            self.operationBegan()
            self.deferredTask = Task {
                await self.readDeferred(offsets)
                self.operationEnded()
            }
        }
    }

    private func readTail(_ first: ReadAheadWindow.TailRead) async {
        var read: ReadAheadWindow.TailRead? = first
        while let current = read {
            do {
                let entries = try await self.entries(current)
                let standings = try await self.standings(of: entries)
                let held = try await self.holds(announcedIn: entries)
                // Stopped meanwhile: a conversation that begins now would not have been told.
                guard !self.isStopping else { return self.window.tailFailed() }
                let messages = self.takeNotices(from: entries, held: held)
                self.deliver(self.window.tailArrived(messages, upTo: entries.last?.offset), standings)
            } catch {
                if let error = error as? StoreError { self.abandon(error) }
                return self.window.tailFailed()
            }
            read = self.window.nextTail()
        }
    }

    private func entries(_ read: ReadAheadWindow.TailRead) async throws -> [LogEntry] {
        self.awaitsEntries = true
        defer { self.awaitsEntries = false }
        return try await self.environment.untilAvailable {
            try await self.environment.log.next(self.id, after: read.after, limit: read.limit)
        }
    }

    private func readDeferred(_ first: [LogOffset]) async {
        var read: [LogOffset]? = first
        while let offsets = read {
            do {
                let entries = try await self.environment.untilAvailable {
                    try await self.environment.log.read(self.id, at: offsets)
                }
                let standings = try await self.standings(of: entries)
                guard !self.isStopping else { return self.window.deferredFailed() }
                self.deliver(self.window.deferredArrived(entries), standings)
            } catch {
                if let error = error as? StoreError { self.abandon(error) }
                return self.window.deferredFailed()
            }
            read = self.window.nextDeferred()
        }
    }

    private func standings(of entries: [LogEntry]) async throws -> [LogOffset: EntryStanding] {
        let inherited = self.inherited(entries)
        guard !inherited.isEmpty else { return [:] }
        return try await self.environment.untilAvailable {
            try await self.environment.journal.standing(of: inherited)
        }
    }

    private func inherited(_ entries: [LogEntry]) -> [LogEntry] {
        // Another assistant's turn may have been journaled for what was moved here, and of a dead letter perhaps only its reply
        // was lost.
        entries.filter { $0.offset <= self.inheritedUpTo || $0.message.movedTo != nil || $0.message.replay != nil }
    }

    private func deliver(_ admitted: [LogEntry], _ standings: [LogOffset: EntryStanding]) {
        for entry in admitted {
            let item = ConversationMachine.Item(entry: entry, standing: self.standing(of: entry, standings))
            let conversation = self.conversation(entry.message.conversation)
            conversation.assumeIsolated { $0.deliver(item) }
            if !self.environment.safeguards.contains(.settleAfterCommit) { self.settle(entry.offset) }
        }
    }

    private func standing(
        of entry: LogEntry, _ standings: [LogOffset: EntryStanding]
    ) -> ConversationMachine.Standing {
        let known = standings[entry.offset]
        if let ended = known.flatMap(ConversationMachine.Standing.init(ended:)) { return ended }
        if case .marked(let marks) = known {
            // Marked where it comes from: there is no reason to suspect that it was running here.
            guard entry.offset <= self.inheritedUpTo else { return .fresh }
            _ = self.mayHaveRun(entry)
            return .suspect(marks: marks)
        }
        // Only the first unfinished message of a conversation can have been running, together with others behind it perhaps.
        guard self.followsCrash, entry.offset <= self.inheritedUpTo, entry.message.notice == nil,
            // A dead letter that runs again goes before what was there first.
            self.mayHaveRun(entry) || entry.message.replay != nil
        else { return .fresh }
        return .suspect(marks: 0)
    }

    /// Whether an unfinished entry was among the first of its conversation, as many as one turn may answer. Also when it is read
    /// again, because its conversation was held meanwhile.
    private func mayHaveRun(_ entry: LogEntry) -> Bool {
        let known = self.earliest[entry.message.conversation] ?? (0, .start)
        if entry.offset <= known.upTo { return true }
        guard known.count < self.settings.rules.turns.largestTurn else { return false }
        self.earliest[entry.message.conversation] = (known.count + 1, entry.offset)
        return true
    }

    /// `nil` for one that is not in memory.
    func actor(of conversation: Conversation.ID) -> ConversationActor? { self.conversations[conversation] }

    private func conversation(_ id: Conversation.ID) -> ConversationActor {
        if let existing = self.conversations[id], self.environment.safeguards.contains(.serialOrder) { return existing }
        let conversation = ConversationActor(
            id: id, shard: self.shard, partition: self, settings: self.settings, environment: self.environment,
            fence: self.fence
        )
        self.conversations[id] = conversation
        return conversation
    }

    // MARK: Told by conversations

    /// The journal has committed everything about `entry`.
    ///
    /// - Parameter isAnswered: whether timers follow: its turn ended well, or it is a timer's.
    func finished(_ entry: LogEntry, isAnswered: Bool) {
        if isAnswered { self.planTimers(after: entry.message) }
        self.settle(entry.offset)
        self.left(entry.message.conversation)
    }

    /// An entry of `conversation` has left memory and is no longer this partition's.
    func left(_ conversation: Conversation.ID) {
        self.window.finished(conversation)
        self.pump()
    }

    func conversationHeld(_ conversation: Conversation.ID, returning offsets: [LogOffset]) {
        self.window.held(conversation, returned: offsets)
        self.pump()
    }

    /// A conversation waits for something that may take long, or no longer does.
    func park(_ conversation: Conversation.ID, _ isParked: Bool) {
        self.window.park(conversation, isParked)
        self.pump()
    }

    func operationBegan() { self.operations += 1 }

    func operationEnded() {
        self.operations -= 1
        self.resumeIfDrained()
    }

    /// Somebody else owns the partition, or the store is beyond repair: nothing more can be done here.
    func abandon(_ error: StoreError) {
        guard !self.isAbandoned else { return }
        self.isAbandoned = true
        self.environment.observer.record(.partitionAbandoned(self.id, error), assistant: self.id.queue.assistant)
        self.cancel()
        self.onAbandon(error)
    }

    // MARK: Settling

    /// - Parameter other: leaves the log together with it.
    func settle(_ offset: LogOffset, with other: LogOffset? = nil) {
        if let other { self.unsettled.append(other) }
        self.unsettled.append(offset)
        guard !self.isSettling else { return }
        self.isSettling = true
        self.operationBegan()
        self.settleTask = Task {
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
                if self.timers.areUnwritten { try await self.writeTimers() }
                try await self.environment.untilAvailable {
                    try await self.environment.log.settle(batch, self.fence)
                }
            } catch {
                // Already journaled as done: the next owner will find them so and settle them.
                if let error = error as? StoreError { self.abandon(error) }
                return
            }
        }
    }

    // MARK: Operating

    /// The journal has lifted a conversation's hold, or has none.
    func release(_ id: Conversation.ID) {
        self.conversations[id]?.assumeIsolated { $0.release() }
        self.window.released(id)
        self.pump()
    }

    /// From now on these count, also for what runs.
    func update(_ settings: PartitionSettings) {
        let settings = settings.copy()
        self.settings = settings
        self.window.resized(credits: settings.credits, perConversation: settings.perConversation)
        self.pump()
        for conversation in self.inOrder { conversation.assumeIsolated { $0.update(settings) } }
    }

    /// Forgets conversations that have been idle for `time`.
    func evict(idleFor time: Duration) {
        for (id, conversation) in self.conversations {
            if let idle = conversation.assumeIsolated({ $0.idleTime }), idle >= time {
                self.conversations[id] = nil
            }
        }
        self.conversations.shrink()
        self.window.shrink()
    }

    /// Begins nothing new. What runs may end; see ``drained()``.
    func stop() {
        self.isStopping = true
        self.tailTask?.cancel()
        self.timers.task?.cancel()
        for conversation in self.inOrder { conversation.assumeIsolated { $0.stop() } }
    }

    /// Interrupts what runs. Its messages stay in the log.
    func cancel() {
        self.isStopping = true
        self.tailTask?.cancel()
        self.deferredTask?.cancel()
        self.settleTask?.cancel()
        self.timers.task?.cancel()
        for conversation in self.inOrder { conversation.assumeIsolated { $0.cancel() } }
    }

    /// The conversations in memory, always in the same order, so that a simulation repeats itself.
    private var inOrder: [ConversationActor] { self.conversations.values.sorted { $0.id < $1.id } }

    /// Lets go of the conversations, which would keep it in memory. Called once nothing runs any more.
    func forget() { self.conversations = [:] }

    /// Returns when nothing runs any more.
    func drained() async {
        guard self.operations > 0 else { return }
        await withCheckedContinuation { self.drainWaiters.append($0) }
    }

    private func resumeIfDrained() {
        guard self.operations == 0 else { return }
        let waiters = self.drainWaiters
        self.drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
