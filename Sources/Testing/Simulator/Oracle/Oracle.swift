import CardumeActors
import CardumeCore

/// Watches a simulation, and says whether what was promised is kept.
final class Oracle: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    struct Run {
        let party: Party
        let turn: Turn
        let beganAt: Duration
    }

    let plan: SimulationPlan
    let store: MemoryStore
    private let loop: SimulationLoop
    var history: History
    private(set) var milestones = Milestones()
    /// The first.
    private(set) var violation: Violation?

    /// Messages that the log has taken, in the order in which it has them.
    var order: [Conversation.ID: [MessageID]] = [:]
    /// Those that webhooks were told are safe.
    var acknowledged: [MessageID] = []
    /// By message, how often the log has taken it.
    private var appended: [MessageID: Int] = [:]
    /// Messages that a failover has lost or brought back, and those that the log no longer knew: their order says nothing.
    var disturbed: Set<MessageID> = []
    /// Of them, those that are again in the queue from which they had gone to another one.
    private var displaced: Set<MessageID> = []
    /// Conversations that have been given to another assistant.
    private var transferred: Set<Conversation.ID> = []
    /// Those of displaced messages: a part of each may be in either queue, and each queue has an owner.
    private var split: Set<Conversation.ID> = []
    /// Of them, those that were in the log and are gone.
    var lost: Set<MessageID> = []
    /// By message: the turn of which a contact has read an answer to it.
    var answered: [MessageID: Turn.ID] = [:]
    private var deliveries: [SendIntent.ID: (count: Int, strays: Int)] = [:]
    private var latestAnswered: [Conversation.ID: Int] = [:]
    /// By party and intent: the fence under which it was journaled last.
    private var fences: [String: [SendIntent.ID: Fence]] = [:]
    private var running: [Conversation.ID: [Run]] = [:]
    private var kills: [MessageID: Int] = [:]
    /// Until when owners may not know that the log has forgotten who holds a conversation.
    private var forgetfulUntil: Duration = .zero
    /// How often suspicions may have been forgotten: with a partition that is handed back in good order, and with what is moved to
    /// another assistant, who does not suspect it.
    private var slates = 1
    /// Whether a wall clock has been set: what was begun before is timed wrongly.
    var clockWasSet = false

    init(_ plan: SimulationPlan, _ store: MemoryStore, _ loop: SimulationLoop, isRecording: Bool) {
        self.plan = plan
        self.store = store
        self.loop = loop
        self.history = History(isRecording: isRecording)
    }

    func reached(_ milestone: Milestone) { self.milestones.insert(milestone) }

    func broken(_ promise: Violation.Promise, _ details: String) {
        self.history.note("oracle", at: self.loop.now, "BROKEN: \(promise.rawValue): \(details)")
        if self.violation == nil { self.violation = Violation(promise: promise, details: details) }
    }

    // MARK: The log

    func appended(_ message: InboundMessage, _ outcome: AppendOutcome) {
        self.history.note("world", at: self.loop.now, "append \(message.id): \(outcome.summary)")
        guard case .appended = outcome else { return self.reached(.duplicateDropped) }
        self.appended[message.id, default: 0] += 1
        if self.appended[message.id]! > 1 {
            guard self.disturbed.contains(message.id) else {
                return self.broken(.appendedTwice, "\(message.id)")
            }
            // The log had forgotten it, or lost it.
            self.lost.remove(message.id)
        }
        self.order[message.conversation, default: []].append(message.id)
    }

    func rolledBack(_ rollback: MemoryStore.Rollback) {
        self.lost.formUnion(rollback.lost)
        self.displaced.formUnion(rollback.displaced)
        for (conversation, messages) in self.order where !rollback.displaced.isDisjoint(with: messages) {
            self.split.insert(conversation)
        }
        self.disturbed.formUnion(rollback.lost.union(rollback.back).union(rollback.displaced).union(rollback.forgotten))
        self.forgetfulUntil = self.loop.now + self.plan.timeToLive
    }

    // MARK: The journal

    func committed(
        _ record: JournalRecord, _ outcome: CommitOutcome, _ fence: Fence, current: Epoch, by party: Party
    ) {
        if fence.epoch != current {
            self.broken(
                .staleCommit,
                "\(party.name) has committed \(record.summary) in epoch \(fence.epoch.rawValue) of \(fence.partition), which is in \(current.rawValue)"
            )
        }
        switch record {
        case .turn(let turn):
            if outcome == .duplicate { self.reached(.repeatedTurnRecognised) }
            for intent in turn.intents { self.fences[party.name, default: [:]][intent.id] = fence }
        case .send(let intent):
            self.fences[party.name, default: [:]][intent.id] = fence
        case .deadLetter(let letter):
            self.reached(letter.failure.category == .crash ? .poisonBuried : .deadLettered)
        case .crashMark: break
        }
    }

    func released(_ fences: [Fence]) {
        self.reached(.handover)
        self.slates += fences.count
    }

    // MARK: The gateway

    /// A process begins a request.
    func sendBegins(_ intent: SendIntent, by party: Party) {
        guard let fence = self.fences[party.name]?[intent.id] else { return }
        let current = self.store.epoch(of: fence.partition)
        if current != fence.epoch {
            self.broken(
                .staleSend,
                "\(party.name) sends \(intent.id) in epoch \(fence.epoch.rawValue) of \(fence.partition), which is in \(current.rawValue)"
            )
        }
    }

    /// A contact has got a reply.
    ///
    /// - Parameter isStray: whether its process had stalled between its last look at its lease and the request, or somebody's
    ///   clock has been set since: it may come at any time.
    func delivered(_ intent: SendIntent, isStray: Bool) {
        self.history.note(
            "world", at: self.loop.now, "DELIVERED \(intent.id) \"\(intent.text)\"\(isStray ? ", stray" : "")")
        var known = self.deliveries[intent.id] ?? (0, 0)
        known.count += 1
        if isStray { known.strays += 1 }
        self.deliveries[intent.id] = known
        let doubts = min(1, self.store.intent(intent.id)?.ambiguousAttempts ?? 0)
        if known.count > 1 { self.reached(.duplicateDelivered) }
        // Two owners may send what a failover has put back into the queue from which it had gone, or what it has lost of a
        // conversation that changed its queue, and a webhook has brought again.
        let cameAgain = self.appended[intent.id.turn, default: 1] > 1 && self.transferred.contains(intent.id.conversation)
        let hasTwoPlaces = self.displaced.contains(intent.id.turn) || cameAgain
        let owners = hasTwoPlaces ? 2 : 1
        if known.count - known.strays > owners * (1 + doubts) {
            self.broken(.duplicates, "\(intent.id) was delivered \(known.count) times, with \(doubts) doubt counted")
        }
        // Given up in doubt, it may still come while the next message is long being answered.
        let isLate = self.store.intent(intent.id)?.state == .parked
        for message in AnswerText.messages(intent.text) { self.answered(message, by: intent, isStray: isStray || isLate) }
    }

    private func answered(_ message: MessageID, by intent: SendIntent, isStray: Bool) {
        if let earlier = self.answered[message] {
            // What the log has forgotten may come again, and be answered behind another message, where nobody recognises it.
            if earlier != intent.id.turn, !self.disturbed.contains(message) {
                self.broken(.duplicates, "\(message) was answered by the turns \(earlier) and \(intent.id.turn)")
            }
            return
        }
        self.answered[message] = intent.id.turn
        let conversation = intent.id.conversation
        guard !isStray, !self.disturbed.contains(message),
            let rank = self.order[conversation]?.firstIndex(of: message)
        else { return }
        if let latest = self.latestAnswered[conversation], latest > rank {
            self.broken(.order, "\(message) was answered after \(self.order[conversation]![latest])")
        }
        self.latestAnswered[conversation] = max(rank, self.latestAnswered[conversation] ?? rank)
    }

    // MARK: Turns

    func turnBegins(_ turn: Turn, at party: Party) {
        let run = Run(party: party, turn: turn, beganAt: self.loop.now)
        for other in self.running[turn.conversation] ?? []
        where !other.party.isGone && other.beganAt >= self.forgetfulUntil {
            // Who stood still may begin what another has taken over: nothing of it will count.
            let mayBeOfTwoQueues = other.turn.assistant.id != turn.assistant.id || turn.assistant.queues.count > 1
            let isSplit = self.split.contains(turn.conversation) && mayBeOfTwoQueues
            if !isSplit, other.party === party || (self.ownsAll(other) && self.ownsAll(run)) {
                self.broken(
                    .overlap, "\(turn.id) begins at \(party.name) while \(other.turn.id) runs at \(other.party.name)")
            }
        }
        self.running[turn.conversation, default: []].append(run)
    }

    func turnEnds(_ turn: Turn, at party: Party) {
        guard
            let index = self.running[turn.conversation]?.firstIndex(where: { $0.party === party && $0.turn.id == turn.id })
        else { return }
        self.running[turn.conversation]?.remove(at: index)
    }

    func isRunning(_ conversation: Conversation.ID) -> Bool {
        self.running[conversation]?.contains { !$0.party.isGone } ?? false
    }

    /// Whether a run's process owns the partition it belongs to, whichever of the assistant's queues that is in.
    private func ownsAll(_ run: Run) -> Bool {
        let number = run.turn.conversation.partitionNumber(of: self.plan.partitions)
        return run.turn.assistant.queues.allSatisfy { queue in
            self.store.leaseHolder(of: Partition.ID(queue, number: number)) == Member.ID(run.party.name)
        }
    }

    func transferred(_ conversation: Conversation.ID, byTurn: Bool) {
        self.transferred.insert(conversation)
        if byTurn { self.moved() }
    }

    /// A message has gone to another assistant's queue.
    func moved() {
        self.reached(.messageMoved)
        self.slates += 1
    }

    // MARK: Processes

    /// A message has killed a process.
    func killed(_ message: MessageID) {
        self.kills[message, default: 0] += 1
        // The first time nobody watches, nor when a message that the log has lost comes anew.
        let bound = (1 + self.plan.common.crashMarkLimit) * self.slates + self.appended[message, default: 1] - 1
        if self.kills[message]! > bound {
            self.broken(.kills, "\(message) has killed \(self.kills[message]!) processes; \(bound) are allowed")
        }
    }

    func holds(_ census: [QueueID: QueueCensus], at party: Party) {
        for (queue, census) in census.sorted(by: { $0.key < $1.key }) {
            let common = self.plan.common
            let share = common.credits * (1 + ReadAheadWindow.parkedFactor) + common.perConversation
            if census.messages > share * census.partitions {
                self.broken(
                    .memory, "\(party.name) holds \(census.messages) messages of \(census.partitions) partitions of \(queue)")
            }
        }
    }
}

extension AppendOutcome {
    fileprivate var summary: String {
        switch self {
        case .appended(let partition, let offset): "\(partition) at \(offset)"
        case .duplicate: "seen before"
        }
    }
}

/// What the simulated model says: words, each of which names the messages that it answers.
enum AnswerText {
    static func text(for messages: [MessageID], words: Int) -> String {
        let word = "re:" + messages.map(\.rawValue).joined(separator: ",")
        let padded = word + String(repeating: ".", count: max(0, SimulationPlan.wordLength - word.utf8.count))
        return words == 1 ? word : Array(repeating: padded, count: words).joined(separator: " ")
    }

    static func messages(_ text: String) -> [MessageID] {
        guard text.hasPrefix("re:") else { return [] }
        let word = text.dropFirst(3).prefix { $0 != " " }
        return word.split(separator: ",").map { MessageID(String($0).trimmedDots) }
    }
}

extension String {
    /// Without the dots at its end.
    fileprivate var trimmedDots: String {
        var text = self[...]
        while text.last == "." { text.removeLast() }
        return String(text)
    }
}
