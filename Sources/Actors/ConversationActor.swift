import CardumeCore

/// One conversation with something to do: runs its turns and sends its replies, one after the other.
///
/// Lives on its partition's executor, so the two call each other synchronously. While there is work, one task drains the
/// mailbox; it is not structured under a parent because whoever delivers does not wait: the partition counts it, and ends it
/// through ``stop()`` and ``cancel()``.
actor ConversationActor {
    private enum Phase {
        /// Can be interrupted at once without losing anything: waits for a slot, for a backoff, for the gateway's record.
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
    private var phase = Phase.working
    /// What is being waited for; `nil` while something runs or nothing is to be done.
    private(set) var blocker: Blocker?
    private var task: Task<Void, Never>?
    private var restingSince: Duration

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
        let assistant = settings.assistant
        self.machine = ConversationMachine(retry: assistant.retry, onDeadLetter: assistant.onDeadLetter)
        self.restingSince = environment.clock.uptime
    }

    func deliver(_ item: ConversationMachine.Item) {
        if self.machine.received(item) { self.start() }
    }

    /// Lets the running turn and its sends end; nothing new begins.
    func stop() {
        self.machine.stop()
        if self.phase == .waiting { self.task?.cancel() }
    }

    /// Interrupts whatever runs.
    func cancel() {
        self.machine.stop()
        self.task?.cancel()
    }

    func release() {
        if self.machine.released() { self.start() }
    }

    func update(_ settings: PartitionSettings) {
        self.settings = settings
        self.machine.retry = settings.assistant.retry
        self.machine.onDeadLetter = settings.assistant.onDeadLetter
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
        } catch {
            // Cancelled, or no longer the owner: what is unfinished stays in the log for whoever comes next.
            self.machine.stop()
            if let error = error as? StoreError { self.tell { $0.abandon(error) } }
        }
        self.restingSince = self.environment.clock.uptime
        self.task = nil
        self.tell { $0.operationEnded() }
    }

    private func loadIfNeeded() async throws {
        guard self.context == nil else { return }
        let turns = self.settings.assistant.contextTurns
        let snapshot = try await self.environment.untilAvailable {
            try await self.environment.journal.load(self.id, contextMessages: turns * 2)
        }
        self.context = snapshot.context
        if snapshot.isHeld { self.machine.wasFoundHeld() }
    }

    private func drainMailbox() async throws {
        while true {
            switch self.machine.next() {
            case .rest:
                return
            case .giveBack(let offsets):
                self.report(.conversationHeld(self.id))
                self.tell { $0.conversationHeld(self.id, returning: offsets) }
            case .run(let item, let attempt):
                try await self.perform(item, attempt: attempt)
            }
        }
    }

    // MARK: One item

    private func perform(_ item: ConversationMachine.Item, attempt: Int) async throws {
        let message = item.entry.message
        do {
            if let way = self.wayOut(of: item) { return try await self.passOn(item, way) }
            switch item.standing {
            case .fresh where message.timer != nil && (self.machine.hasMore || message.movedTo != nil):
                // Somebody who has written after all is not told of their silence, nor by another assistant.
                return self.settleHead(isAnswered: false)
            case .fresh:
                let answer = try await self.answer(item.entry, attempt: attempt)
                try await self.carryOut(answer, for: item.entry)
            case .suspect(let marks):
                let answer = try await self.answerSuspect(item.entry, marks: marks, attempt: attempt)
                try await self.carryOut(answer, for: item.entry)
            case .committed(let intents, let transfer):
                let answer = Answer(intents: intents, transfer: transfer, isRepeated: true)
                try await self.carryOut(answer, for: item.entry)
            case .deadLetter:
                self.settleHead(isAnswered: message.timer != nil)
            }
        } catch let failure as TurnFailure {
            try await self.handle(failure, of: message, attempt: attempt)
            return
        } catch let postponement as TurnPostponement {
            self.machine.interrupted()
            try await self.wait(postponement.delay, for: postponement.cause)
        } catch {
            self.machine.interrupted()
            throw error
        }
    }

    /// Sends what the turn gave and lets the message go.
    private func carryOut(_ answer: Answer, for entry: LogEntry) async throws {
        if answer.intents.isEmpty, answer.transfer == nil { return self.settleHead(isAnswered: true) }
        do {
            try await self.send(answer.intents, of: entry.message, isInherited: answer.isRepeated)
        } catch let failure as TurnFailure where answer.transfer != nil {
            // The word of farewell is lost; the conversation goes all the same.
            let holds = self.settings.assistant.onDeadLetter == .hold
            try await self.bury(entry.message, failure, attempts: 1, holds: holds)
        }
        guard let assistant = answer.transfer else { return self.settleHead(isAnswered: true) }
        try await self.transfer(entry, to: assistant, isAnswered: answer.isJournaled)
    }

    private func settleHead(isAnswered: Bool) {
        let entry = self.machine.finished()
        self.report(.finished(entry.message))
        self.tell { $0.finished(entry, isAnswered: isAnswered) }
    }

    private func handle(_ failure: TurnFailure, of message: InboundMessage, attempt: Int) async throws {
        var generator = self.environment.generator
        switch self.machine.failed(failure, mayHold: message.timer == nil, using: &generator) {
        case .retry(let delay):
            let turn = self.turn(of: message, attempt: attempt)
            self.report(.turnWillRetry(turn, failure, delay: delay))
            try await self.wait(delay, for: .retry(attempt: attempt + 1, failure))
        case .deadLetter(let attempts, let holds):
            try await self.bury(message, failure, attempts: attempts, holds: holds)
            // What a timer could not say does not keep the next one from its time.
            self.settleHead(isAnswered: message.timer != nil)
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
        guard marks > 0 else { return try await self.answer(entry, attempt: attempt, isMarked: attempt == 1) }
        self.report(.crashSuspected(message, marks: marks))
        try await self.acquire(self.settings.suspects, message.kind.priority)
        // Sends, which follow, may wait for a gateway for hours; the others wait only for the turn.
        defer { self.settings.suspects.release() }
        return try await self.answer(entry, attempt: attempt, isMarked: attempt == 1)
    }

    // MARK: The turn

    private func turn(of message: InboundMessage, attempt: Int) -> Turn {
        Turn(
            assistant: self.settings.assistant, conversation: self.id, messages: [message],
            context: self.context ?? [], attempt: attempt
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
    /// - Parameter isMarked: whether to journal, once there is a slot, that the message is about to run.
    private func answer(_ entry: LogEntry, attempt: Int, isMarked: Bool = false) async throws -> Answer {
        let message = entry.message
        // Forgotten when the conversation went to another assistant.
        if self.context == nil { try await self.loadIfNeeded() }
        let turn = self.turn(of: message, attempt: attempt)
        let result: TurnResult
        let startedAt: Timestamp
        try await self.acquire(self.settings.bulkhead, message.kind.priority)
        do {
            defer { self.settings.bulkhead.release() }
            if isMarked { try await self.commit(.crashMark(self.id, message.id)) }
            startedAt = self.environment.clock.wallTime
            result = try await self.respond(to: turn)
        }
        let transfer = result.transfer == self.settings.assistant.id ? nil : result.transfer
        let now = self.environment.clock.wallTime
        let intents = self.intents(for: result.replies, to: message, at: now)
        if transfer != nil, intents.isEmpty {
            // The other assistant's turn is the message's.
            return Answer(transfer: transfer, isJournaled: false)
        }
        let commit = TurnCommit(
            turn: turn.id, conversation: self.id, assistant: turn.assistant.id, messages: turn.messages,
            intents: intents, usage: result.usage, attempt: attempt, startedAt: startedAt, finishedAt: now,
            closesConversation: turn.assistant.timers.rule(of: message)?.closes ?? false, transfer: transfer
        )
        if try await self.commit(.turn(commit)) == .duplicate {
            // Journaled before, although this process was not told so: its replies count, not these.
            let standing = try await self.environment.untilAvailable {
                try await self.environment.journal.standing(of: [entry])[entry.offset]
            }
            guard case .committed(let known, let transfer) = standing else { return Answer(isRepeated: true) }
            // Unless they are these, from the commit whose answer was lost: then nobody has sent them yet.
            guard known == intents else { return Answer(intents: known, transfer: transfer, isRepeated: true) }
        }
        // The turn shares the context; once it is no longer needed, the context grows in place.
        self.report(.turnSucceeded(turn, elapsed: now.elapsed(since: startedAt)))
        if commit.closesConversation { self.context = [] } else { self.remember(message, result.replies) }
        return Answer(intents: intents, transfer: transfer)
    }

    private func respond(to turn: Turn) async throws -> TurnResult {
        do {
            return try await self.environment.handler.respond(to: turn)
        } catch let failure as TurnFailure {
            throw failure
        } catch let postponement as TurnPostponement {
            throw postponement
        } catch {
            // A handler that was interrupted may throw anything.
            try Task.checkCancellation()
            throw TurnFailure(category: .other, message: String(describing: error), isRetryable: true)
        }
    }

    /// The first intent is journaled as `sending` together with the turn when its request can follow at once.
    private func intents(for replies: [Reply], to message: InboundMessage, at now: Timestamp) -> [SendIntent] {
        let channel = self.environment.channel(self.id.channel)
        let parts = replies.flatMap { ReplyParts.split($0.text, limit: channel?.maximumTextLength ?? 4096) }
        var intents = parts.enumerated().map { part, text in
            SendIntent(
                id: SendIntent.ID(conversation: self.id, turn: message.id, part: part),
                replyAddress: message.replyAddress, text: text, traceID: message.traceID)
        }
        if let first = intents.first, let channel, !channel.hasLead,
            case .server(let server) = channel.route(first, avoiding: [])
        {
            intents[0].state = .sending
            intents[0].attempts = 1
            intents[0].attemptedAt = now
            intents[0].server = server
        }
        return intents
    }

    private func remember(_ message: InboundMessage, _ replies: [Reply]) {
        let limit = self.settings.assistant.contextTurns * 2
        guard limit > 0 else { return }
        if message.kind != .system { self.context?.append(ContextMessage(role: .contact, text: message.contextText)) }
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
        self.environment.observer.record(event, assistant: self.settings.assistant.id)
    }

    // MARK: Waiting

    private func acquire(_ bulkhead: Bulkhead, _ priority: Priority) async throws {
        if self.machine.isStopping { throw CancellationError() }
        self.phase = .waiting
        self.blocker = Blocker(.slot(ahead: bulkhead.waiting))
        defer { self.waited() }
        try await bulkhead.acquire(priority)
    }

    func wait(_ delay: Duration, for cause: Blocker.Cause) async throws {
        if self.machine.isStopping { throw CancellationError() }
        self.phase = .waiting
        self.blocker = Blocker(cause, until: self.environment.clock.wallTime.advanced(by: delay))
        defer { self.waited() }
        try await self.environment.clock.sleep(for: delay)
    }

    private func waited() {
        self.phase = .working
        self.blocker = nil
    }

    @discardableResult
    func commit(_ record: JournalRecord) async throws -> CommitOutcome {
        try await self.environment.untilAvailable {
            try await self.environment.journal.commit(record, self.fence)
        }
    }
}
