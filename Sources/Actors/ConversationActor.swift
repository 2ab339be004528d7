import CardumeCore
import Tracing

/// One conversation with something to do: runs its turns and sends its replies, one after the other.
///
/// Lives on its partition's executor, so the two call each other synchronously. While there is work, one task drains the
/// mailbox; it is not structured under a parent because whoever delivers does not wait: the partition counts it, and ends it
/// through ``stop()`` and ``cancel()``.
actor ConversationActor {
    private enum Phase {
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
    private var phase = Phase.working
    /// What is being waited for; `nil` while something runs or nothing is to be done, and for a slot, which is ``slotWait``.
    var blocker: Blocker?
    /// The slot that is being waited for.
    private(set) var slotWait: SlotWait?
    /// The turn that runs, or whose replies are being sent.
    private(set) var run: ConversationExplanation.Run?
    /// Of the turn that runs, or whose replies are being sent; `nil` while nothing is traced.
    var trace: TurnTrace?
    /// Why the log or the journal could not be used a moment ago; tried again.
    private(set) var storeTrouble: StoreError?
    private(set) var task: Task<Void, Never>?
    /// Whether its messages use up no credits while it waits.
    private var isParked = false
    /// Whether ``reconsider()`` has interrupted a wait.
    private var isReconsidering = false
    /// Whether replies are on their way, which only a stop interrupts.
    private var isSending = false
    private var restingSince: Duration
    /// Waits for more messages. Cancelled when enough have come.
    private var gathering: Task<Void, Never>?
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

    private var moment: Moment {
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

    private func loadIfNeeded() async throws {
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
                let answer = Answer(intents: intents, transfer: next, isRepeated: true)
                try await self.carryOut(answer, for: item.entry)
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

    private func handle(_ failure: TurnFailure, attempt: Int) async throws {
        var generator = self.environment.generator
        let entries = self.machine.turn
        // Where a turn is journaled and a reply of it is lost, that is its first message's matter.
        let lost = self.machine.isUnanswered ? entries[...] : entries.prefix(1)
        let isTimer = entries[0].message.timer != nil
        if let run = self.run {
            self.report(.turnFailed(failure, elapsed: self.environment.clock.wallTime.elapsed(since: run.since)))
        }
        switch self.machine.failed(failure, mayHold: !isTimer, using: &generator) {
        case .retry(let delay):
            self.report(.turnWillRetry(self.turn(of: lost.map(\.message), attempt: attempt), failure, delay: delay))
            // What is waited for is another one.
            self.run = nil
            let limit = self.settings.assistant.retry.maximumAttempts
            try await self.wait(delay, for: .retry(attempt: attempt + 1, of: limit, failure))
        case .deadLetter(let attempts, let holds):
            for (index, entry) in lost.enumerated() {
                try await self.bury(entry.message, failure, attempts: attempts, holds: holds && index == 0)
            }
            // What a timer could not say does not keep the next one from its time.
            self.settleTurn(isAnswered: isTimer)
        }
    }

    private func bury(
        _ message: InboundMessage, _ failure: TurnFailure, attempts: Int, holds: Bool
    ) async throws {
        let letter = DeadLetter(
            message: message, assistant: self.settings.assistant.id, failure: failure, attempts: attempts,
            at: self.environment.clock.wallTime, holdsConversation: holds
        )
        try await self.commit(.deadLetter(letter))
        self.report(.deadLettered(letter))
    }

    /// Runs a message that may have killed the process before. It is marked when it really runs, so that the next owner
    /// knows; those that were marked already run one at a time, so that the one that kills is told from those beside it.
    private func answerSuspect(_ entry: LogEntry, marks: Int, attempt: Int) async throws -> Answer {
        let message = entry.message
        guard marks < self.settings.crashMarkLimit else {
            throw TurnFailure(
                category: .crash, message: "was running each of the last \(marks + 1) times the process died",
                isRetryable: false
            )
        }
        guard marks > 0 else { return try await self.answer(entry, attempt: attempt, isSuspect: true) }
        self.report(.crashSuspected(message, marks: marks))
        try await self.outlastPauses(self.turnLane, message.kind.priority)
        try await self.acquire(self.settings.suspects, .light, message.kind.priority)
        // Sends, which follow, may wait for a gateway for hours; the others wait only for the turn.
        defer { self.settings.suspects.release() }
        return try await self.answer(entry, attempt: attempt, isSuspect: true)
    }

    // MARK: The turn

    private func turn(of messages: [InboundMessage], attempt: Int) -> Turn {
        Turn(
            assistant: self.settings.assistant, conversation: self.id, messages: messages,
            context: self.context ?? [], attempt: attempt,
            deadline: self.environment.timeLimit(self.settings.assistant.id).map { self.environment.clock.uptime + $0 }
        )
    }

    /// What a turn gave, journaled unless it only gives the conversation away.
    private struct Answer {
        var intents: [SendIntent] = []
        var transfer: AssistantID?
        /// Journaled before this run.
        var isRepeated = false
        var isJournaled = true
    }

    /// Runs the turn and journals it.
    ///
    /// - Parameter isSuspect: whether to journal, once there is a slot, that its messages are about to run.
    /// - Throws: ``Supersession`` when the turn is to run again, with newer messages.
    private func answer(_ entry: LogEntry, attempt: Int, isSuspect: Bool = false) async throws -> Answer {
        let message = entry.message
        // Forgotten when the conversation went to another assistant.
        if self.context == nil { try await self.loadIfNeeded() }
        let (turn, result, startedAt) = try await self.inSlot(for: message) {
            let others = self.machine.begin()
            if isSuspect { try await self.mark([entry] + others) }
            var turn = self.turn(
                of: others.isEmpty ? [message] : [message] + others.map(\.message), attempt: attempt)
            let startedAt = self.environment.clock.wallTime
            turn.startedAt = startedAt
            self.run = ConversationExplanation.Run(since: startedAt, attempt: attempt)
            self.traceTurn(turn, since: startedAt)
            let result =
                self.machine.isSupersedable
                ? try await self.respond(to: turn, since: startedAt) : try await self.ask(turn)
            return (turn, result, startedAt)
        }
        let history = self.history(after: result)
        let transfer = result.transfer == self.settings.assistant.id ? nil : result.transfer
        let now = self.environment.clock.wallTime
        let reply = try self.outgoing(result.replies, of: turn, since: startedAt, at: now)
        if transfer != nil, reply.intents.isEmpty {
            // The other assistant's turn is the messages'.
            return Answer(transfer: transfer, isJournaled: false)
        }
        let commit = TurnCommit(
            turn: turn.id, conversation: self.id, assistant: turn.assistant.id, messages: turn.messages,
            intents: reply.intents, usage: result.usage, attempt: attempt, startedAt: startedAt, finishedAt: now,
            closesConversation: turn.assistant.timers.rule(of: message)?.closes ?? false, transfer: transfer,
            efforts: history == self.history ? nil : history.efforts
        )
        let beginning: Timestamp? =
            if commit.closesConversation { try? await self.environment.journal.beginning(of: self.id) } else { nil }
        if try await self.commit(.turn(commit)) == .duplicate {
            // Journaled before, although this process was not told so: its replies count, not these.
            let standing = try await self.separate(entry)
            guard case .committed(let known, let transfer) = standing else { return Answer(isRepeated: true) }
            // Unless they are these, from the commit whose answer was lost: then nobody has sent them yet.
            guard known == reply.intents else { return Answer(intents: known, transfer: transfer, isRepeated: true) }
        }
        self.report(turn, reply, elapsed: now.elapsed(since: startedAt))
        if commit.closesConversation {
            let silence = commit.timer?.since ?? now
            self.report(.conversationClosed(self.id, lasted: beginning.map { silence.elapsed(since: $0) }))
        }
        // The turn shares the context; once it is no longer needed, the context grows in place.
        self.history = history
        if commit.closesConversation { self.context = [] } else { self.remember(commit.messages, reply.said) }
        return Answer(intents: reply.intents, transfer: transfer)
    }

    private func remember(_ messages: [InboundMessage], _ replies: [Reply]) {
        let limit = self.settings.assistant.contextTurns * 2
        guard limit > 0 else { return }
        for index in messages.indices where messages[index].kind != .system {
            self.context?.append(ContextMessage(role: .contact, text: messages[index].contextText))
        }
        for reply in replies { self.context?.append(ContextMessage(role: .assistant, text: reply.text)) }
        if let count = self.context?.count, count > limit { self.context?.removeFirst(count - limit) }
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

    // MARK: Waiting

    func acquire(_ bulkhead: Bulkhead, _ lane: Lane, _ priority: Priority) async throws {
        if self.machine.isStopping { throw CancellationError() }
        if bulkhead.acquired(lane) { return }
        try self.waits(for: nil, mayTakeLong: lane != .light || bulkhead.isPaused(lane))
        let wait = SlotWait(bulkhead: bulkhead, lane: lane, ticket: bulkhead.ticket())
        self.slotWait = wait
        defer { self.waited() }
        try await bulkhead.acquire(lane, priority, ticket: wait.ticket)
    }

    func wait(_ delay: Duration, for cause: Blocker.Cause) async throws {
        let until = self.environment.clock.wallTime.advanced(by: delay)
        try self.waits(for: Blocker(cause, until: until), mayTakeLong: cause.mayTakeLong)
        defer { self.waited() }
        self.report(.conversationWaits(cause, delay: delay))
        try await self.environment.clock.sleep(for: delay)
    }

    /// Waits for more messages, until enough have come.
    private func gather(for delay: Duration) async throws {
        try self.waits(for: Blocker(.debounce, until: self.environment.clock.wallTime.advanced(by: delay)))
        defer { self.waited() }
        self.report(.conversationWaits(.debounce, delay: delay))
        let clock = self.environment.clock
        let gathering = Task { _ = try? await clock.sleep(for: delay) }
        self.gathering = gathering
        defer { self.gathering = nil }
        await withTaskCancellationHandler {
            await gathering.value
        } onCancel: {
            gathering.cancel()
        }
        try Task.checkCancellation()
    }

    /// What follows, up to ``waited()``, can be interrupted at once without losing anything.
    ///
    /// - Parameter mayTakeLong: whether others are read in place of this conversation meanwhile.
    func waits(for blocker: Blocker?, mayTakeLong: Bool = false) throws {
        if self.machine.isStopping { throw CancellationError() }
        self.phase = .waiting
        self.blocker = blocker
        guard mayTakeLong else { return }
        self.isParked = true
        self.tell { $0.park(self.id, true) }
    }

    func waited() {
        self.phase = .working
        self.blocker = nil
        self.slotWait = nil
        guard self.isParked else { return }
        self.isParked = false
        self.tell { $0.park(self.id, false) }
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
