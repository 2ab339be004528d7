public import CardumeCore
import Synchronization

/// A log and a journal in memory, with the same contracts as the real ones. Survives as long as the object does: a second
/// runtime over the same store is a restart.
public final class MemoryStore: PartitionLog, Journal, LeaseStore, UsageReader {
    struct Key: Hashable {
        let conversation: Conversation.ID
        let message: MessageID
        /// ``MessageReplay/number``; 0 for what the gateway brings.
        var replay = 0
    }

    struct State {
        var nextOffset: UInt64 = 1
        var queues: [Partition.ID: [LogEntry]] = [:]
        var seen: [Key: Timestamp] = [:]
        var holders: [Conversation.ID: ConversationHolder] = [:]
        var timers: [Partition.ID: [Conversation.ID: ConversationTimer]] = [:]
        var turns: [Key: TurnCommit] = [:]
        /// Messages that another one's turn has answered.
        var merged: [Key: Turn.ID] = [:]
        var context: [Conversation.ID: [ContextMessage]] = [:]
        var sends: [SendIntent.ID: SendIntent] = [:]
        var deadLetters: [Key: DeadLetter] = [:]
        /// Those of a partition are forgotten when it is handed back in good order.
        var marks: [Key: (count: Int, partition: Partition.ID)] = [:]
        var efforts: [Conversation.ID: [Int]] = [:]
        var holds: Set<Conversation.ID> = []
        var rejected: [RejectedWebhook] = []
        var members: [Member.ID: Member] = [:]
        var leases: [Partition.ID: (holder: Member.ID?, epoch: Epoch)] = [:]
        var outage: StoreError?
        var incarnation = 0
        var answersToLose = 0

        @discardableResult
        mutating func append(_ message: InboundMessage, to partition: Partition.ID) -> LogOffset {
            let offset = LogOffset(major: self.nextOffset)
            self.nextOffset += 1
            self.queues[partition, default: []].append(LogEntry(offset: offset, message: message))
            return offset
        }
    }

    public let partitionCount: Int
    public let timeToLive: Duration?
    private let dedupeWindow: Duration
    private let session: Duration
    let state = Mutex(State())
    private let bell = ArrivalBell()

    public init(
        partitionCount: Int = 4, dedupeWindow: Duration = .seconds(24 * 3600), session: Duration = .seconds(24 * 3600),
        timeToLive: Duration? = nil
    ) {
        self.partitionCount = partitionCount
        self.timeToLive = timeToLive
        self.dedupeWindow = dedupeWindow
        self.session = session
    }

    // MARK: For tests

    /// Makes every call fail with `error`, until it is `nil` again.
    public func fail(with error: StoreError?) { self.state.withLock { $0.outage = error } }

    /// The next commit happens, but its caller is told that the store is unavailable.
    public func loseNextAnswer() { self.state.withLock { $0.answersToLose += 1 } }

    /// All members have died, and so has another one that had taken over from them.
    public func crash() {
        self.state.withLock { state in
            state.members = [:]
            for (partition, lease) in state.leases where lease.holder != nil {
                state.leases[partition] = ("another", Epoch(rawValue: lease.epoch.rawValue + 1))
            }
        }
    }

    /// The log's server has been replaced by one that knows nothing of the latest settles: `entries` are back.
    public func bringBack(_ entries: [LogEntry], in partition: Partition.ID) {
        self.state.withLock { state in
            state.incarnation += 1
            state.queues[partition, default: []].append(contentsOf: entries)
            state.queues[partition]?.sort { $0.offset < $1.offset }
        }
    }

    /// The member's time has run out.
    public func expire(_ member: Member.ID) {
        self.state.withLock { $0.members[member] = nil }
    }

    public var deadLetters: [DeadLetter] {
        self.state.withLock { $0.deadLetters.values.sorted { $0.message.id < $1.message.id } }
    }

    public var sends: [SendIntent] {
        self.state.withLock { $0.sends.values.sorted { $0.id.description < $1.id.description } }
    }

    /// How many leases somebody holds.
    public var heldLeases: Int { self.state.withLock { $0.leases.values.count { $0.holder != nil } } }

    public var unsettled: Int { self.state.withLock { $0.queues.values.reduce(0) { $0 + $1.count } } }

    // MARK: PartitionLog

    public func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
        let outcomes = try self.access { state in messages.map { self.append($0, &state) } }
        for case .appended(let partition, _) in outcomes { self.bell.ring(partition) }
        return outcomes
    }

    private func append(_ append: LogAppend, _ state: inout State) -> AppendOutcome {
        var message = append.message
        let key = Key(
            conversation: message.conversation, message: message.id, replay: message.replay?.number ?? 0)
        if let at = state.seen[key], message.receivedAt.elapsed(since: at) < self.dedupeWindow { return .duplicate }
        state.seen[key] = message.receivedAt
        let number = message.conversation.partitionNumber(of: self.partitionCount)
        let route = append.route.resolved(
            heldBy: state.holders[message.conversation], at: message.receivedAt, session: self.session,
            hasUnsettled: {
                state.queues.contains { partition, entries in
                    partition.number == number && entries.contains { $0.message.conversation == message.conversation }
                }
            })
        state.holders[message.conversation] = ConversationHolder(route: route, latestMessageAt: message.receivedAt)
        message.details.showsMenu = route.isChosen ? nil : true
        let partition = Partition.ID(route.queue, number: number)
        return .appended(partition, state.append(message, to: partition))
    }

    public func announce(
        _ notice: LogNotice, of conversation: Conversation.ID, to queues: [QueueID]
    ) async throws(StoreError) {
        let notice = InboundMessage(notice, of: conversation)
        let partitions = queues.map {
            Partition.ID($0, number: conversation.partitionNumber(of: self.partitionCount))
        }
        try self.access { state in
            for partition in partitions {
                state.append(notice, to: partition)
            }
        }
        for partition in partitions { self.bell.ring(partition) }
    }

    public func open(_ fence: Fence) async throws(StoreError) -> LogOpening {
        try self.access(fence) { state in
            LogOpening(
                latest: state.queues[fence.partition]?.last?.offset ?? .start,
                nextTimer: Self.nextTimer(of: fence.partition, state),
                drains: (state.queues[fence.partition] ?? []).filter(\.isDrain))
        }
    }

    public func next(
        _ partition: Partition.ID, after offset: LogOffset, limit: Int
    ) async throws(StoreError) -> [LogEntry] {
        try await self.bell.entries(of: partition) { () throws(StoreError) in
            try self.access { Array(($0.queues[partition] ?? []).filter { $0.offset > offset }.prefix(limit)) }
        }
    }

    public func read(_ partition: Partition.ID, at offsets: [LogOffset]) async throws(StoreError) -> [LogEntry] {
        try self.access { ($0.queues[partition] ?? []).filter { offsets.contains($0.offset) } }
    }

    public func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError) {
        let offsets = Set(offsets)
        try self.access(fence) { $0.queues[fence.partition]?.removeAll { offsets.contains($0.offset) } }
    }

    public func whereabouts(of conversation: Conversation.ID) async throws(StoreError) -> ConversationWhereabouts? {
        let number = conversation.partitionNumber(of: self.partitionCount)
        return try self.access { state in
            guard let queue = state.holders[conversation]?.route.queue else { return nil }
            let entries = state.queues[Partition.ID(queue, number: number)] ?? []
            return ConversationWhereabouts(
                queue: queue, hasUnsettled: entries.contains { $0.message.conversation == conversation })
        }
    }

    public func depth(of partition: Partition.ID) async throws(StoreError) -> Int {
        try self.access { $0.queues[partition]?.count ?? 0 }
    }

    public func depths() async throws(StoreError) -> [QueueID: Int] {
        try self.access { state in
            state.queues.reduce(into: [:]) { $0[$1.key.queue, default: 0] += $1.value.count }
        }
    }

    public func peek(_ cursors: [Partition.ID: LogOffset]) async throws(StoreError) -> [Partition.ID: Timestamp] {
        try self.access { state in
            var times: [Partition.ID: Timestamp] = [:]
            for (partition, offset) in cursors {
                times[partition] = state.queues[partition]?.first { $0.offset > offset }?.message.receivedAt
            }
            return times
        }
    }

    public func check() async throws(StoreError) -> Int {
        try self.access { $0.incarnation }
    }

    private static func notice(
        _ notice: LogNotice, of conversation: Conversation.ID, at now: Timestamp
    ) -> InboundMessage {
        InboundMessage(
            id: MessageID(notice.rawValue), conversation: conversation, kind: .system, text: nil, receivedAt: now,
            replyAddress: "", traceID: "", details: InboundMessage.Details(notice: notice))
    }

    public func transfer(_ transfer: LogTransfer) async throws(StoreError) -> TransferOutcome {
        let conversation = transfer.conversation
        let number = conversation.partitionNumber(of: self.partitionCount)
        func partition(_ queue: QueueID) -> Partition.ID { Partition.ID(queue, number: number) }
        let outcome = try self.access(transfer.turn?.fence) { state -> TransferOutcome in
            let holder = state.holders[conversation]
            if let turn = transfer.turn {
                let queue = state.queues[turn.fence.partition] ?? []
                let first = queue.first { $0.message.conversation == conversation && $0.isDrain }
                guard first != nil || queue.contains(where: { $0.offset == turn.entry.offset }) else { return .unchanged }
                if turn.isAnswered || first == nil {
                    state.queues[turn.fence.partition]?.removeAll { $0.offset == turn.entry.offset }
                }
                if let first, case .drain(let drain) = first.message.details.notice {
                    return .overtaken(drain, at: first.offset)
                }
            }
            let old = transfer.turn?.fence.partition.queue ?? holder?.route.queue
            if old == transfer.queue { return .unchanged }
            state.holders[conversation] = ConversationHolder(
                route: Route(transfer.queue), latestMessageAt: holder?.latestMessageAt ?? transfer.at)
            guard let old else { return .assigned }
            let hold = state.append(
                Self.notice(.hold, of: conversation, at: transfer.at), to: partition(transfer.queue))
            let drain = LogDrain(to: transfer.queue, hold: hold)
            let offset = state.append(Self.notice(.drain(drain), of: conversation, at: transfer.at), to: partition(old))
            if let turn = transfer.turn, !turn.isAnswered {
                state.append(
                    turn.entry.message.transferred(from: turn.fence.partition.queue, along: drain),
                    to: partition(transfer.queue))
            }
            return .draining(drain, at: offset)
        }
        for partition in self.state.withLock({ Array($0.queues.keys) }) where partition.number == number {
            self.bell.ring(partition)
        }
        return outcome
    }

    public func move(
        _ offsets: [LogOffset], along drain: LogDrain, _ fence: Fence
    ) async throws(StoreError) {
        let target = Partition.ID(drain.queue, number: fence.partition.number)
        try self.access(fence) { state in
            for entry in (state.queues[fence.partition] ?? []).filter({ offsets.contains($0.offset) }) {
                state.append(entry.message.moved(along: drain), to: target)
            }
            state.queues[fence.partition]?.removeAll { offsets.contains($0.offset) }
        }
        self.bell.ring(target)
    }

    public func set(_ timers: [ConversationTimer], _ fence: Fence) async throws(StoreError) {
        try self.access(fence) { state in
            for timer in timers { state.timers[fence.partition, default: [:]][timer.conversation] = timer }
        }
    }

    public func fire(dueBy now: Timestamp, _ fence: Fence) async throws(StoreError) -> Timestamp? {
        let next = try self.access(fence) { state in
            let due = (state.timers[fence.partition] ?? [:]).values.filter { $0.firing.dueAt <= now }
                .sorted { ($0.firing.dueAt, $0.conversation) < ($1.firing.dueAt, $1.conversation) }
                .prefix(LogOpening.firingLimit)
            for timer in due {
                state.timers[fence.partition]?[timer.conversation] = nil
                let holder = state.holders[timer.conversation]
                if let holder, holder.latestMessageAt > timer.firing.contactWroteAt { continue }
                if let holder, holder.route.queue != fence.partition.queue { continue }
                if holder == nil {
                    state.holders[timer.conversation] = ConversationHolder(
                        route: Route(fence.partition.queue, isChosen: false),
                        latestMessageAt: timer.firing.contactWroteAt)
                }
                state.append(timer.message(at: now), to: fence.partition)
            }
            return Self.nextTimer(of: fence.partition, state)
        }
        self.bell.ring(fence.partition)
        return next
    }

    private static func nextTimer(of partition: Partition.ID, _ state: State) -> Timestamp? {
        state.timers[partition]?.values.map(\.firing.dueAt).min()
    }

    public func end(_ sessions: [SessionEnd], _ fence: Fence) async throws(StoreError) {
        try self.access(fence) { state in
            for session in sessions {
                guard let holder = state.holders[session.conversation], holder.latestMessageAt <= session.contactWroteAt,
                    holder.route.queue == fence.partition.queue
                else { continue }
                state.holders[session.conversation] = nil
            }
        }
    }

    // MARK: LeaseStore

    public func renew(_ member: Member) async throws(StoreError) -> ClusterView {
        try self.access { state in
            state.members[member.id] = member
            return ClusterView(
                members: Array(state.members.values),
                leases: state.leases.compactMapValues { lease in lease.holder.map { Lease(holder: $0, epoch: lease.epoch) } })
        }
    }

    public func members() async throws(StoreError) -> [Member] { try self.access { Array($0.members.values) } }

    public func holder(of partition: Partition.ID) async throws(StoreError) -> LeaseHolder? {
        try self.access { state in
            state.leases[partition]?.holder.map { id in
                let member = state.members[id]
                return LeaseHolder(id: id, member: member, lifetimeLeft: member == nil ? nil : self.timeToLive)
            }
        }
    }

    public func claim(
        _ partitions: [Partition.ID], for member: Member.ID
    ) async throws(StoreError) -> [Partition.ID: Ownership] {
        try self.access { state in
            var ownerships: [Partition.ID: Ownership] = [:]
            for partition in partitions {
                let (holder, epoch) = state.leases[partition] ?? (nil, Epoch(rawValue: 0))
                if let holder, holder != member, state.members[holder] != nil { continue }
                let next = Epoch(rawValue: epoch.rawValue + 1)
                state.leases[partition] = (member, next)
                ownerships[partition] = Ownership(epoch: next, followsCrash: holder != nil && holder != member)
            }
            return ownerships
        }
    }

    public func release(_ fences: [Fence], of member: Member.ID) async throws(StoreError) {
        try self.access { state in
            for fence in fences where state.leases[fence.partition]?.epoch == fence.epoch {
                state.leases[fence.partition] = (nil, fence.epoch)
                state.marks = state.marks.filter { $0.value.partition != fence.partition }
            }
        }
    }

    public func leave(_ member: Member.ID) async throws(StoreError) {
        try self.access { $0.members[member] = nil }
    }

    // MARK: Journal

    public func commit(_ record: JournalRecord, _ fence: Fence) async throws(StoreError) -> CommitOutcome {
        let outcome = try self.apply(record, fence)
        let isLost = self.state.withLock { state in
            defer { state.answersToLose = max(0, state.answersToLose - 1) }
            return state.answersToLose > 0
        }
        if isLost { throw StoreError(.unavailable, "the answer was lost") }
        return outcome
    }

    private func apply(_ record: JournalRecord, _ fence: Fence) throws(StoreError) -> CommitOutcome {
        try self.access(fence) { state in
            switch record {
            case .turn(let turn):
                let key = Key(conversation: turn.conversation, message: turn.turn)
                guard state.turns[key] == nil, state.merged[key] == nil else { return .duplicate }
                state.turns[key] = turn
                for message in turn.messages.dropFirst() {
                    let key = Key(conversation: turn.conversation, message: message.id)
                    if state.turns[key] == nil, state.merged[key] == nil { state.merged[key] = turn.turn }
                }
                state.context[turn.conversation, default: []] +=
                    turn.messages.filter { $0.kind != .system }.map { ContextMessage(role: .contact, text: $0.contextText) }
                    + turn.intents.filter { $0.state != .dropped }.map { ContextMessage(role: .assistant, text: $0.text) }
                if turn.closesConversation { state.context[turn.conversation] = [] }
                if let efforts = turn.efforts { state.efforts[turn.conversation] = efforts }
                for intent in turn.intents { state.sends[intent.id] = intent }
                for message in turn.messages {
                    state.marks[Key(conversation: message.conversation, message: message.id)] = nil
                }
            case .send(let intent):
                state.sends[intent.id] = intent
            case .deadLetter(let letter):
                let key = Key(conversation: letter.message.conversation, message: letter.message.id)
                if state.deadLetters[key] == nil { state.deadLetters[key] = letter }
                if letter.holdsConversation { state.holds.insert(letter.message.conversation) }
                state.marks[key] = nil
            case .crashMark(let conversation, let message):
                let key = Key(conversation: conversation, message: message)
                state.marks[key] = ((state.marks[key]?.count ?? 0) + 1, fence.partition)
            }
            return .committed
        }
    }

    public func standing(of entries: [LogEntry]) async throws(StoreError) -> [LogOffset: EntryStanding] {
        try self.access { state in
            var standings: [LogOffset: EntryStanding] = [:]
            for entry in entries {
                let key = Key(conversation: entry.message.conversation, message: entry.message.id)
                if state.deadLetters[key] != nil {
                    standings[entry.offset] = .deadLetter
                } else if let turn = state.merged[key] {
                    standings[entry.offset] = .merged(into: turn)
                } else if let turn = state.turns[key] {
                    standings[entry.offset] = .committed(
                        turn.intents.compactMap { state.sends[$0.id] }, transfer: turn.transfer)
                } else if let mark = state.marks[key] {
                    standings[entry.offset] = .marked(mark.count)
                }
            }
            return standings
        }
    }

    public func load(
        _ conversation: Conversation.ID, contextMessages: Int
    ) async throws(StoreError) -> ConversationSnapshot {
        try self.access { state in
            ConversationSnapshot(
                context: Array((state.context[conversation] ?? []).suffix(contextMessages)),
                isHeld: state.holds.contains(conversation), efforts: state.efforts[conversation] ?? [])
        }
    }

    public func providerIDs(of conversation: Conversation.ID) async throws(StoreError) -> Set<String> {
        try self.access { state in
            Set(state.sends.values.filter { $0.id.conversation == conversation }.compactMap(\.providerID))
        }
    }

    public func lift(holdOn conversation: Conversation.ID) async throws(StoreError) {
        try self.access { _ = $0.holds.remove(conversation) }
    }

    public func usage(since day: CivilDay) async throws(StoreError) -> [DailyUsage] {
        try self.access { state in
            var totals: [String: DailyUsage] = [:]
            for turn in state.turns.values {
                guard let usage = turn.usage, case let used = usage.day ?? CivilDay(of: turn.finishedAt), used >= day else {
                    continue
                }
                let empty = DailyUsage(
                    day: used, assistant: turn.assistant, model: usage.model, requests: 0, promptTokens: 0,
                    completionTokens: 0, costMicros: 0)
                var total = totals["\(used) \(turn.assistant) \(usage.model)"] ?? empty
                total.requests += 1
                total.promptTokens += usage.prompt
                total.completionTokens += usage.completion
                total.costMicros += usage.costMicros
                totals["\(used) \(turn.assistant) \(usage.model)"] = total
            }
            return totals.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    public func recordRejected(_ webhook: RejectedWebhook) async throws(StoreError) {
        try self.access { $0.rejected.append(webhook) }
    }

    /// Checks for an outage and, where given, the fence.
    private func access<Result: Sendable>(
        _ fence: Fence? = nil, _ body: (inout State) -> Result
    ) throws(StoreError) -> Result {
        let result: Swift.Result<Result, StoreError> = self.state.withLock { state in
            if let outage = state.outage { return .failure(outage) }
            if let fence, state.leases[fence.partition]?.epoch != fence.epoch {
                return .failure(StoreError(.fenced, "stale epoch"))
            }
            return .success(body(&state))
        }
        return try result.get()
    }
}
