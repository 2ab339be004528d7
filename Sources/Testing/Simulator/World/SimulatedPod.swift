import CardumeActors
import CardumeCore

/// A place where one process after the other runs.
final class SimulatedPod: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    /// After this, who was told to stop is killed, beyond what it may take for its partitions.
    private static let grace: Duration = .seconds(10)

    private unowned let world: World
    let number: Int
    /// Of its wall clock.
    var offset: Duration
    /// For how long it is to stand still as soon as it has journaled that it is about to send; `nil` for not at all.
    var pausesAtSend: Duration?
    private var starts = 0
    private(set) var process: SimulatedProcess?

    init(_ number: Int, in world: World) {
        self.number = number
        self.world = world
        self.offset = world.plan.skew[number]
    }

    func start() {
        precondition(self.process == nil, "pod \(self.number) runs already")
        self.starts += 1
        let process = SimulatedProcess("p\(self.number).\(self.starts)", pod: self.number, offset: self.offset, in: self.world)
        self.process = process
        self.world.note(process.party, "starts")
        process.run { [unowned self] end in
            // Out of its own jobs.
            self.world.loop.after(.zero) { self.ended(process, end) }
        }
    }

    private func ended(_ process: SimulatedProcess, _ end: Coordinator.End) {
        guard self.process === process else { return }
        switch end {
        case .stopped(let isInTime):
            self.world.oracle.reached(isInTime ? .gracefulStop : .forcedStop)
            self.world.note(process.party, "has stopped\(isInTime ? "" : ", not in time")")
            self.vanish()
        case .failed(let error):
            self.world.note(process.party, "cannot go on: \(error)")
            self.kill(restartAfter: .seconds(1))
        }
    }

    /// From one moment to the next.
    func kill(restartAfter delay: Duration) {
        guard let process = self.process else { return }
        self.world.note(process.party, "is killed")
        self.vanish()
        self.restart(after: delay)
    }

    func pause(for time: Duration) {
        guard let process = self.process else { return }
        if time > self.world.plan.timeToLive { self.world.oracle.reached(.pauseBeyondLease) }
        process.party.freeze(true)
        self.world.loop.after(time) {
            guard !process.party.isGone else { return }
            self.world.note(process.party, "goes on")
            process.party.freeze(false)
        }
    }

    /// The journal has taken `record` from its process, which does not know yet.
    func journaled(_ record: JournalRecord) {
        guard record.beginsSend, let time = self.pausesAtSend.take() else { return }
        self.pause(for: time)
    }

    /// In good order.
    func stop(restartAfter delay: Duration) {
        guard let process = self.process, !process.isStopping else { return }
        process.isStopping = true
        process.party.act { process.coordinator.shutDown(within: self.world.plan.handover) }
        self.world.loop.after(self.world.plan.handover + Self.grace) {
            guard self.process === process else { return }
            self.world.note(process.party, "does not stop, and is killed")
            self.vanish()
        }
        self.restart(after: delay)
    }

    /// A new process once the present one is gone.
    private func restart(after delay: Duration) {
        self.world.loop.after(delay) {
            if self.process != nil { return self.process!.isStopping ? self.restart(after: .milliseconds(100)) : () }
            self.start()
        }
    }

    func vanish() {
        guard let process = self.process else { return }
        self.process = nil
        if !process.party.vanish() { self.world.oracle.broken(.ending, process.party.name) }
    }
}

/// One process: the real actors, over this world's doubles.
final class SimulatedProcess: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    let party: Party
    let clock: SimulatedClock
    let coordinator: Coordinator
    var dispatcher: Dispatcher { self.coordinator.dispatcher }
    private let world: World
    private let channel: RoutedChannel
    var isStopping = false

    init(_ name: String, pod: Int, offset: Duration, in world: World) {
        let plan = world.plan
        let party = Party(name, shards: plan.shards, world.loop)
        // Origins far apart: uptimes of different processes cannot be compared.
        let clock = SimulatedClock(party, origin: .seconds(1_000 * (pod + 1)), offset: offset)
        let observer = SimulationObserver(world: world, party: party)
        let draw: @Sendable () -> UInt64 = { world.draw() }
        let breakers = Breakers(settings: plan.breakers, clock: clock, observer: observer, random: draw)
        let model = GuardedModel(
            SimulatedModel(world: world, party: party, clock: clock), breaker: breakers.breaker(.model, "model"))
        let servers = (0..<plan.servers).map { number in
            (
                name: "s\(number)" as String?,
                channel: SimulatedServer(world: world, party: party, number: number) as any MessageChannel
            )
        }
        let channel = RoutedChannel(
            id: SimulationPlan.channel, servers: servers, settings: plan.gateway, breakers: breakers, clock: clock,
            observer: observer, random: draw)
        let handler = ModelTurnHandler(model: { _ in model }, menuText: { _ in nil })
        var environment = RuntimeEnvironment(
            log: SimulatedLog(link: StoreLink(world: world, party: party, store: .log)),
            journal: SimulatedJournal(link: StoreLink(world: world, party: party, store: .journal)),
            handler: WatchedHandler(handler: handler, oracle: world.oracle, party: party), channel: { _ in channel },
            observer: observer, clock: clock, random: draw)
        environment.timeLimit = { _ in plan.modelTimeout }
        for safeguard in world.without { environment.safeguards.subtract(safeguard.ofActors) }
        let dispatcher = Dispatcher(
            assistants: plan.assistants, shards: party.shards.map { Shard(executor: $0) }, settings: plan.common,
            environment: environment)
        self.party = party
        self.clock = clock
        self.channel = channel
        self.world = world
        self.coordinator = Coordinator(
            member: Member.ID(name),
            leases: SimulatedLeases(link: StoreLink(world: world, party: party, store: .journal)), dispatcher: dispatcher,
            interval: plan.interval, handoverDeadline: plan.handover)
    }

    func run(onEnd: @escaping @Sendable (Coordinator.End) -> Void) {
        let (coordinator, world, party, clock) = (self.coordinator, self.world, self.party, self.clock)
        self.applyPause()
        party.begin(endsWhenGone: true) {
            let end = await coordinator.run()
            if !party.isGone { onEnd(end) }
        }
        if world.plan.surveys { party.begin { await coordinator.survey() } }
        if world.plan.gateway.healthCheck > .zero {
            let watch = GatewayWatch(channels: { [channel] in [channel] }, clock: clock)
            party.begin { await watch.run() }
        }
        party.begin {
            while (try? await clock.sleep(for: .seconds(2))) != nil {
                let census = await coordinator.dispatcher.census()
                if !party.isGone { world.oracle.holds(census, at: party) }
            }
        }
    }

    /// Tells it which channels are paused.
    func applyPause() { self.party.act { self.dispatcher.environment.gates.update(self.world.pauses) } }
}
