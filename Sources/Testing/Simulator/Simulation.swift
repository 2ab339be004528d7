import CardumeCore

/// Several pods of the real actors in one thread, on virtual time, over stores, a model and a gateway that fail as a seed says;
/// and what became of the promises.
///
/// The same seed gives the same history, also in another process.
public struct Simulation: Sendable {
    /// What a simulation came to.
    public struct Outcome: Sendable {
        public let seed: UInt64
        /// The first; `nil` when every promise was kept.
        public let violation: Violation?
        public let milestones: Milestones
        /// Of all that happened, in order: the same for the same history.
        public let digest: UInt64
        /// How much time passed in it.
        public let time: Duration
        /// Jobs of actors and tasks that ran.
        public let jobs: Int
        /// What was planned: faults, then messages; only of a recorded simulation.
        public let schedule: [String]
        /// What happened; only of a recorded simulation.
        public let history: [String]
    }

    /// Virtual time after the last fault in which all must have been worked off.
    private static let patience: Duration = .seconds(600)

    public let seed: UInt64
    /// Faults that may come. Defaults to all.
    public var kinds = Set(FaultKind.allCases)
    /// Safeguards that are left out. Defaults to none.
    package var without: Set<Safeguard> = []
    /// Faults and messages of the seed's plan that are left out, by their numbers. Defaults to none.
    package var omittedFaults: Set<Int> = []
    package var omittedMessages: Set<Int> = []

    public init(seed: UInt64) {
        self.seed = seed
    }

    var plan: SimulationPlan {
        var plan = SimulationPlan(seed: self.seed, kinds: self.kinds)
        plan.faults = plan.faults.indices.filter { !self.omittedFaults.contains($0) }.map { plan.faults[$0] }
        plan.arrivals = plan.arrivals.indices.filter { !self.omittedMessages.contains($0) }.map { plan.arrivals[$0] }
        return plan
    }

    /// Runs it, on the calling thread; blocks that for about a millisecond.
    ///
    /// - Parameter isRecording: whether to write the history down.
    public func run(isRecording: Bool = false) -> Outcome {
        let plan = self.plan
        let world = World(plan, without: self.without, isRecording: isRecording)
        return GlobalPool.withJobs(for: world.loop) { self.run(plan, world, isRecording) }
    }

    private func run(_ plan: SimulationPlan, _ world: World, _ isRecording: Bool) -> Outcome {
        world.pods = (0..<plan.pods).map { SimulatedPod($0, in: world) }
        self.schedule(plan, world)
        while world.oracle.violation == nil, world.loop.step() {
            if world.isDone { break }
            if world.loop.now > plan.healAt + Self.patience {
                world.oracle.broken(.progress, world.whatWaits())
            }
        }
        if world.oracle.violation == nil { world.oracle.judge() }
        let digest = world.loop.digest
        let (time, jobs) = (world.loop.now, world.loop.jobs)
        for pod in world.pods { pod.vanish() }
        if !world.outside.vanish() { world.oracle.broken(.ending, "the world") }
        world.loop.clear()
        return Outcome(
            seed: self.seed, violation: world.oracle.violation, milestones: world.oracle.milestones, digest: digest,
            time: time, jobs: jobs, schedule: isRecording ? plan.lines : [], history: world.oracle.history.lines ?? [])
    }

    private func schedule(_ plan: SimulationPlan, _ world: World) {
        for pod in world.pods { world.loop.after(.milliseconds(50 * pod.number)) { pod.start() } }
        for arrival in plan.arrivals { world.loop.after(arrival.at) { world.post(arrival) } }
        for (index, fault) in plan.faults.enumerated() {
            if case .failover(let lag) = fault.effect {
                world.loop.after(max(.zero, fault.at - lag)) { world.log.takeImage() }
            }
            world.loop.after(fault.at) { world.begin(fault) }
            if fault.lasting > .zero { world.loop.after(fault.at + fault.lasting) { world.end(index) } }
        }
        world.loop.after(plan.healAt) {
            world.note(nil, "HEALED")
            world.isHealed = true
            for pod in world.pods { pod.pausesAtSend = nil }
            world.releaseAll()
        }
    }
}

extension World {
    /// Whether everything has been worked off, and nothing is to go wrong any more.
    var isDone: Bool { self.isHealed && self.unacknowledged == 0 && self.log.isEmpty }

    /// Why things do not go on, as far as processes know.
    func whatWaits() -> String {
        let entries = self.store.entries
        var lines = entries.prefix(10).map { "\($0.partition) \($0.entry.offset) \($0.entry.message.id)" }
        for conversation in Set(entries.map(\.entry.message.conversation)).sorted() {
            for pod in self.pods {
                guard let process = pod.process else { continue }
                let answer = Answer()
                process.party.begin {
                    answer.explanations = await process.dispatcher.explain(conversation)
                }
                for _ in 0..<10_000 where answer.explanations == nil { _ = self.loop.step() }
                for (queue, explanation) in (answer.explanations ?? [:]).sorted(by: { $0.key < $1.key }) {
                    lines.append(
                        "\(process.party.name) \(queue): \(conversation) \(explanation.state.rawValue) \(explanation.obstacle.map { "\($0)" } ?? "")"
                    )
                }
            }
        }
        return lines.joined(separator: "\n  ")
    }

    private final class Answer: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
        var explanations: [QueueID: ConversationExplanation]?
    }
}

extension SimulationPlan {
    /// For people.
    var lines: [String] {
        var lines = [
            "\(self.pods) pods of \(self.shards) shards, \(self.partitions) partitions, leases of \(self.timeToLive), looks each \(self.interval), credits \(self.common.credits)/\(self.common.perConversation), crash marks \(self.common.crashMarkLimit)"
        ]
        for assistant in self.assistants {
            lines.append(
                "assistant \(assistant.id): \(assistant.slots) slots, \(assistant.retry.maximumAttempts) attempts, dead letters \(assistant.onDeadLetter.rawValue), \(assistant.onAmbiguousSend.rawValue), debounce \(assistant.turns.debounce.wait), \(assistant.turns.onNewMessage.rawValue), late \(assistant.turns.late.after) \(assistant.turns.late.action.rawValue)\(assistant.timers.isEmpty ? "" : ", timers")\(assistant.queues.count > 1 ? ", a queue for heavy turns" : "")"
            )
        }
        lines.append(
            "gateway: \(self.servers) servers, requests of at most \(self.sendTimeout), record \(self.hasRecord ? "after \(self.recordDelay)" : "none")"
        )
        for (index, fault) in self.faults.enumerated() { lines.append("fault \(index): \(fault)") }
        for (index, arrival) in self.arrivals.enumerated() {
            lines.append(
                "message \(index): \(arrival.at.simulated) \(arrival.id) \(arrival.kind.rawValue), \(arrival.manner)\(arrival.repeats.isEmpty ? "" : ", again after \(arrival.repeats[0])")\(arrival.isPoison ? ", kills" : "")"
            )
        }
        return lines
    }
}
