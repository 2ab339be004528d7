import CardumeCore
import Tracing

/// One conversation with something to do: runs its turns and sends its replies, one after the other.
///
/// Lives on its partition's executor, so the two call each other synchronously. While there is work, one task drains the
/// mailbox; it is not structured under a parent because whoever delivers does not wait: the partition counts it, and ends it
/// through ``stop()`` and ``cancel()``.
actor ConversationActor {
    enum Phase {
        /// Can be interrupted at once without losing anything: waits for more messages, for a slot, for a backoff, for the
        /// gateway's record.
        case waiting
        /// Runs a turn or a send, which is worth finishing at shutdown.
        case working
    }

    nonisolated let id: Conversation.ID
    private nonisolated let shard: Shard
    let partition: PartitionActor
    private(set) var settings: PartitionSettings
    let environment: RuntimeEnvironment
    let fence: Fence

    var machine: ConversationMachine
    var context: [ContextMessage]?
    /// What the latest turns weighed.
    var history = LaneHistory()
    var phase = Phase.working
    /// What is being waited for; `nil` while something runs or nothing is to be done, and for a slot, which is ``slotWait``.
    var blocker: Blocker?
    /// The slot that is being waited for.
    var slotWait: SlotWait?
    /// The turn that runs, or whose replies are being sent.
    var run: ConversationExplanation.Run?
    /// Of the turn that runs, or whose replies are being sent; `nil` while nothing is traced.
    var trace: TurnTrace?
    /// Why the log or the journal could not be used a moment ago; tried again.
    private(set) var storeTrouble: StoreError?
    private(set) var task: Task<Void, Never>?
    /// Whether its messages use up no credits while it waits.
    var isParked = false
    /// Whether ``reconsider()`` has interrupted a wait.
    private var isReconsidering = false
    /// Whether replies are on their way, which only a stop interrupts.
    var isSending = false
    private var restingSince: Duration
    /// Waits for more messages. Cancelled when enough have come.
    var gathering: Task<Void, Never>?
    /// Whether its turn has a slot.
    var isInSlot = false
    /// Asks the handler, where a newer message may supersede the turn. Cancelled by that message.
    var call: Task<TurnResult, any Error>?
    /// Which messages this process has marked as running under suspicion.
    var marked: Set<LogOffset> = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { self.shard.executor.asUnownedSerialExecutor() }

    init(
        id: Conversation.ID, shard: Shard, partition: PartitionActor, settings: PartitionSettings,
        environment: RuntimeEnvironment, fence: Fence
    ) {
        self.id = id
        self.shard = shard
        self.partition = partition
        self.settings = settings
        self.environment = environment
        self.fence = fence
        self.machine = ConversationMachine(settings.rules)
        self.restingSince = environment.clock.uptime
    }

    func deliver(_ item: ConversationMachine.Item) {
        switch self.machine.received(item, at: self.moment) {
        // A timer that waits has nothing to say any more.
        case .queued where self.machine.isTimerAhead: self.reconsider()
        case .queued: break
        case .begins: self.start()
        case .completes: self.gathering?.cancel()
        case .supersedes: self.call?.cancel()
        }
    }

    /// Lets the running turn and its sends end; nothing new begins.
    func stop() {
        self.machine.stop()
        if self.phase == .waiting { self.task?.cancel() }
    }

    /// Something has come that may change what is to be done next: whoever only waits to begin looks again.
    func reconsider() {
        guard self.phase == .waiting, !self.isSending, !self.machine.isStopping, let task = self.task else { return }
        self.isReconsidering = true
        task.cancel()
    }

    /// Interrupts whatever runs.
    func cancel() {
        self.machine.stop()
        self.task?.cancel()
    }

    func release() {
        if self.machine.released() { self.start() }
    }

    /// The journal says that the conversation is held from now on.
    func park() { self.machine.wasFoundHeld() }

    func update(_ settings: PartitionSettings) {
        self.settings = settings
        self.machine.rules = settings.rules
        // What is waited for may be another time now.
        self.gathering?.cancel()
    }

    var moment: Moment {
        Moment(wallTime: self.environment.clock.wallTime, uptime: self.environment.clock.uptime)
    }

    /// How long nothing has happened; `nil` while there is work.
    var idleTime: Duration? {
        self.machine.isIdle ? self.environment.clock.uptime - self.restingSince : nil
    }

    private func start() {
        self.tell { $0.operationBegan() }
        self.task = Task { await self.drain() }
    }

    private func drain() async {
        do {
            try await self.loadIfNeeded()
            try await self.drainMailbox()
        } catch is CancellationError where self.isReconsidering && !self.machine.isStopping {
            self.isReconsidering = false
            self.task = Task { await self.drain() }
            return
        } catch {
            // Cancelled, or no longer the owner: what is unfinished stays in the log for whoever comes next.
            self.machine.stop()
            if let error = error as? StoreError { self.tell { $0.abandon(error) } }
        }
        self.restingSince = self.environment.clock.uptime
        self.task = nil
        self.isReconsidering = false
        self.tell { $0.operationEnded() }
    }

    func loadIfNeeded() async throws {
        guard self.context == nil else { return }
        let turns = self.settings.assistant.contextTurns
        let snapshot = try await self.untilAvailable {
            try await self.environment.journal.load(self.id, contextMessages: turns * 2)
        }
        self.context = snapshot.context
        self.history = LaneHistory(snapshot.efforts, rule: self.settings.assistant.bulkhead.laneRule)
        if snapshot.isHeld { self.machine.wasFoundHeld() }
    }

    private func drainMailbox() async throws {
        while true {
            switch self.machine.next(isLeaving: self.isLeaving, at: self.moment) {
            case .rest:
                return
            case .giveBack(let offsets):
                self.report(.conversationHeld(self.id))
                self.tell { $0.conversationHeld(self.id, returning: offsets) }
            case .gather(let delay):
                try await self.gather(for: delay)
            case .run(let item, let attempt):
                try await self.perform(item, attempt: attempt)
            }
        }
    }

    // MARK: One item

    private func perform(_ item: ConversationMachine.Item, attempt: Int) async throws {
        let message = item.entry.message
        defer {
            self.run = nil
            self.trace = nil
        }
        do {
            if let way = self.wayOut(of: item) { return try await self.passOn(item, way) }
            switch item.standing {
            case .fresh where message.timer != nil && (self.machine.hasMore || message.movedTo != nil):
                // Somebody who has written after all is not told of their silence, nor by another assistant.
                return self.settleTurn(isAnswered: false)
            case .fresh:
                if let queue = self.queueElsewhere(for: message) { return try await self.move(item.entry, to: queue) }
                let answer = try await self.answer(item.entry, attempt: attempt)
                try await self.carryOut(answer, for: item.entry)
            case .suspect(let marks):
                let answer = try await self.answerSuspect(item.entry, marks: marks, attempt: attempt)
                try await self.carryOut(answer, for: item.entry)
            case .committed(let intents, let transfer):
                // Of a dead letter, only the reply was lost: the conversation went where it was to go.
                let next = message.replay == nil ? transfer : nil
                // What the journal knew when the message was read may be past.
                let sends =
                    intents.allSatisfy(\.state.isFinal)
                    ? intents : try await self.intents(of: message.id, over: item.entry)
                try await self.carryOut(Answer(intents: sends, transfer: next, isRepeated: true), for: item.entry)
            case .answered(let turn):
                let sends = try await self.intents(of: turn, over: item.entry).filter { !$0.state.isFinal }
                try await self.carryOut(Answer(intents: sends, isRepeated: true), for: item.entry)
            case .deadLetter:
                self.settleTurn(isAnswered: message.timer != nil)
            }
        } catch let failure as TurnFailure {
            self.turnTraceEnded(failure)
            try await self.handle(failure, attempt: attempt)
            return
        } catch let supersession as Supersession {
            self.turnTraceEnded(supersession)
            self.machine.interrupted()
        } catch let postponement as TurnPostponement {
            self.turnTraceEnded(postponement)
            self.machine.interrupted()
            try await self.wait(postponement.delay, for: postponement.cause)
        } catch {
            self.turnTraceEnded(error)
            self.machine.interrupted()
            throw error
        }
    }

    /// Sends what the turn gave and lets the message go.
    private func carryOut(_ answer: Answer, for entry: LogEntry) async throws {
        self.traceAftermath(of: entry.message)
        if answer.intents.isEmpty, answer.transfer == nil { return self.settleTurn(isAnswered: true) }
        do {
            self.isSending = true
            defer { self.isSending = false }
            try await self.send(answer.intents, of: entry.message, isInherited: answer.isRepeated)
        } catch let failure as TurnFailure where answer.transfer != nil {
            // The word of farewell is lost; the conversation goes all the same.
            let holds = self.settings.assistant.onDeadLetter == .hold
            try await self.bury(entry.message, failure, attempts: 1, holds: holds)
        }
        guard let assistant = answer.transfer else { return self.settleTurn(isAnswered: true) }
        try await self.transfer(entry, to: QueueID(assistant), isAnswered: answer.isJournaled)
    }

    /// All messages of the turn are done for good. Timers follow the last of them, if any do.
    func settleTurn(isAnswered: Bool) {
        while true {
            let (entry, isLast) = self.machine.finished()
            self.report(.finished(entry.message))
            self.tell { $0.finished(entry, isAnswered: isAnswered && isLast) }
            if isLast { return }
        }
    }

    // MARK: The partition

    /// Calls the partition without a hop: both are on the same executor.
    @discardableResult
    func tell<Result: Sendable>(_ call: (isolated PartitionActor) -> Result) -> Result {
        self.partition.assumeIsolated(call)
    }

    func report(_ event: RuntimeEvent) {
        let assistant = self.settings.assistant.id
        guard let context = self.trace?.context else { return self.environment.observer.record(event, assistant: assistant) }
        ServiceContext.$current.withValue(context) { self.environment.observer.record(event, assistant: assistant) }
    }

    @discardableResult
    func commit(_ record: JournalRecord) async throws -> CommitOutcome {
        guard self.trace != nil else {
            return try await self.untilAvailable { try await self.environment.journal.commit(record, self.fence) }
        }
        return try await self.inSpan("commit \(record.name)") {
            try await self.untilAvailable { try await self.environment.journal.commit(record, self.fence) }
        }
    }

    /// As the environment's; says meanwhile what is the matter.
    func untilAvailable<Result: Sendable>(_ operation: () async throws -> Result) async throws -> Result {
        defer { self.storeTrouble = nil }
        return try await self.environment.untilAvailable {
            do {
                return try await operation()
            } catch let error as StoreError {
                self.storeTrouble = error
                throw error
            }
        }
    }
}
