/// The queues that one kind of worker serves, and what is wanted of it.
public struct ScalingPool: Hashable, Sendable {
    public var name: String
    public var queues: Set<QueueID>
    /// Turns that one process runs at once. From 1.
    public var slotsPerPod: Int
    /// The part of its slots that a process should have in use; over 0, up to 1.
    public var utilisation: Double
    /// Within which time what waits should have got a slot.
    public var drainTarget: Duration
    /// How long a turn takes as long as nobody has measured one.
    public var assumedTurn: Duration

    public init(
        name: String, queues: Set<QueueID>, slotsPerPod: Int, utilisation: Double = 0.8, drainTarget: Duration = .seconds(30),
        assumedTurn: Duration = .seconds(5)
    ) {
        self.name = name
        self.queues = queues
        self.slotsPerPod = slotsPerPod
        self.utilisation = utilisation
        self.drainTarget = drainTarget
        self.assumedTurn = assumedTurn
    }
}

/// What the stores say at one moment. Whoever asks them gets the same.
public struct ScalingState: Sendable {
    /// Unsettled messages.
    public var depths: [QueueID: Int]
    /// Live members, as they said last.
    public var members: [Member]
    /// Of queues that have messages of which no member reports: when the first was received.
    public var unreported: [QueueID: Timestamp]
    /// When they were asked.
    public var at: Timestamp

    public init(depths: [QueueID: Int], members: [Member], unreported: [QueueID: Timestamp] = [:], at time: Timestamp) {
        self.depths = depths
        self.members = members
        self.unreported = unreported
        self.at = time
    }

    /// Queues with messages of which no member reports.
    public var queuesWithoutReport: [QueueID] {
        let reported = Set(self.members.flatMap { $0.load.values.flatMap { $0.queues.filter { $0.value.known > 0 }.keys } })
        return self.depths.filter { $0.value > 0 && !reported.contains($0.key) }.keys.sorted()
    }
}

/// How many slots a pool could use now: what an autoscaler divides by a process' slots.
///
/// `demand = in flight + min(waiting messages × mean turn / drain target, waiting conversations)`. The second bound is there
/// because a conversation takes one slot at a time, however many messages it has. What waits for something that no further
/// process could speed up is left out, and told.
public struct ScalingSignal: Hashable, Sendable {
    /// What is left out for one reason.
    public struct Excluded: Hashable, Sendable {
        public var conversations: Int
        public var messages: Int
        /// That it would ask for, by the same formula.
        public var slots: Double
    }

    public let pool: ScalingPool
    public let demandSlots: Double
    /// Turns that have a slot.
    public let inFlight: Int
    /// Messages of conversations that want a slot, those included that nobody has read yet.
    public let waitingMessages: Int
    /// Of what nobody has read yet, each message counts as a conversation.
    public let waitingConversations: Int
    /// Age of the oldest of these messages, in seconds; 0 when nothing waits.
    public let oldestSeconds: Double
    /// Measured; `nil` when no member has had a turn.
    public let meanTurnSeconds: Double?
    public let excluded: [Exclusion: Excluded]
    /// Live members that serve any of its queues.
    public let pods: Int
    /// Of the members, those that have not looked at their work lately: of their turns only the number is known.
    public let unknown: [Member.ID]

    public init(_ pool: ScalingPool, _ state: ScalingState) {
        let assistants = Set(pool.queues.map(\.assistant))
        var sum = QueueReport()
        var known: [QueueID: Int] = [:]
        var means: [TurnMean] = []
        var unknown: Set<Member.ID> = []
        var (unknownTurns, pods) = (0, 0)
        for member in state.members {
            let served = member.queues.intersection(pool.queues)
            if !served.isEmpty { pods += 1 }
            let reports = member.load.values.reduce(into: [:]) { all, load in
                all.merge(load.queues.filter { pool.queues.contains($0.key) }) { $1 }
            }
            let fresh = reports.filter { $0.value.age <= QueueReport.lifetime.seconds }
            for (queue, report) in fresh {
                sum.merge(report)
                known[queue, default: 0] += report.known
            }
            means += Dictionary(reports.compactMap { queue, report in report.turn.map { (queue.assistant, $0) } }) { $1 }.values
            // It goes on working on what it has when it is leaving and serves nothing any more.
            guard !served.isSubset(of: fresh.keys) || reports.count != fresh.count else { continue }
            unknown.insert(member.id)
            let missing = assistants.filter { assistant in !fresh.keys.contains { $0.assistant == assistant } }
            unknownTurns += missing.reduce(0) { $0 + (member.load[$1]?.running ?? 0) }
        }
        let unread = pool.queues.reduce(0) { $0 + max(0, (state.depths[$1] ?? 0) - (known[$1] ?? 0)) }
        let unclaimed = max(0, unread - unknownTurns)
        let mean = TurnMean.mean(of: means)
        let turn = mean ?? pool.assumedTurn.seconds
        func slots(_ conversations: Int, _ messages: Int) -> Double {
            min(Double(messages) * turn / pool.drainTarget.seconds, Double(conversations))
        }
        self.pool = pool
        self.pods = pods
        self.unknown = unknown.sorted()
        self.inFlight = sum.running + unknownTurns
        self.waitingMessages = sum.waiting.messages + unclaimed
        self.waitingConversations = sum.waiting.conversations + unclaimed
        self.meanTurnSeconds = mean
        self.demandSlots = Double(self.inFlight) + slots(self.waitingConversations, self.waitingMessages)
        self.excluded = sum.excluded.mapValues {
            Excluded(
                conversations: $0.conversations, messages: $0.messages, slots: slots($0.conversations, $0.messages))
        }
        let oldest = pool.queues.compactMap { state.unreported[$0] } + [sum.oldest].compactMap(\.self)
        self.oldestSeconds = oldest.min().map { max(0, state.at.elapsed(since: $0).seconds) } ?? 0
    }

    /// Processes that would do, each with the wanted part of its slots in use. An autoscaler has its own lower and upper bounds.
    public var suggestedPods: Int {
        let perPod = Double(self.pool.slotsPerPod) * self.pool.utilisation
        return Int(min((self.demandSlots / perPod).rounded(.up), 1_000_000))
    }
}
