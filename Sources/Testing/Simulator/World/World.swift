import CardumeActors
import CardumeCore

/// One simulated world: the stores, the gateway, the pods, what goes wrong at the moment, and who watches.
final class World: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    let plan: SimulationPlan
    let without: Set<Safeguard>
    let loop: SimulationLoop
    let store: MemoryStore
    let log: LogServer
    let leases: LeaseServer
    let gateway: SimulatedGateway
    let oracle: Oracle
    /// Webhooks, operators, servers: whoever is no pod.
    let outside: Party
    var pods: [SimulatedPod] = []
    /// What goes wrong now.
    private(set) var faults: [Fault] = []
    /// For what happens outside of the pods.
    var random: SimulationRandom
    /// For what the pods decide by chance.
    private var drawn: SimulationRandom
    let outsideClock: SimulatedClock
    /// Webhooks that are not acknowledged yet.
    var unacknowledged = 0
    var isChannelPaused = false
    /// Whether nothing goes wrong any more.
    var isHealed = false

    init(_ plan: SimulationPlan, without: Set<Safeguard>, isRecording: Bool) {
        self.plan = plan
        self.without = without
        self.loop = SimulationLoop(SimulationRandom(seed: plan.seed, stream: 1))
        self.random = SimulationRandom(seed: plan.seed, stream: 2)
        self.drawn = SimulationRandom(seed: plan.seed, stream: 3)
        self.store = MemoryStore(partitionCount: plan.partitions, timeToLive: plan.timeToLive)
        self.outside = Party("world", shards: 0, self.loop)
        self.outsideClock = SimulatedClock(self.outside, origin: .zero, offset: .zero)
        self.oracle = Oracle(plan, self.store, self.loop, isRecording: isRecording)
        self.log = LogServer(self.store, self.oracle)
        self.leases = LeaseServer(self.store, self.oracle, self.loop)
        self.gateway = SimulatedGateway()
    }

    /// Random numbers for a pod.
    func draw() -> UInt64 { self.drawn.next() }

    /// The pod of an assistant's conversation's number; that of the party's process.
    func pod(of party: Party) -> SimulatedPod? { self.pods.first { $0.process?.party === party } }

    func note(_ party: Party?, _ text: @autoclosure () -> String) {
        self.oracle.history.note(party?.name ?? "world", at: self.loop.now, text())
    }

    // MARK: Faults

    func begin(_ fault: Fault) {
        self.note(nil, "FAULT \(fault)")
        if fault.lasting > .zero { self.faults.append(fault) }
        switch fault.effect {
        case .crash(let pod): self.pods[pod].kill(restartAfter: fault.lasting)
        case .pause(let pod): self.pods[pod].pause(for: fault.lasting)
        case .pauseAtSend(let pod): self.pods[pod].pausesAtSend = fault.lasting
        case .restart(let pod): self.pods[pod].stop(restartAfter: fault.lasting)
        case .failover(let lag): self.failOver(lag: lag)
        case .clock(let pod, let step):
            self.oracle.reached(.clockSet)
            self.oracle.clockWasSet = true
            self.pods[pod].offset += step
            self.pods[pod].process?.clock.offset += step
        case .transfer(let conversation, let assistant): self.operate { try await self.transfer(conversation, to: assistant) }
        case .hold(let conversation): self.operate { try await self.hold(conversation) }
        case .channelPause: self.pauseChannel(true)
        case .cut, .flaky, .slow, .model, .gateway, .stray: break
        }
    }

    func end(_ index: Int) {
        let fault = self.plan.faults[index]
        self.faults.removeAll { $0.at == fault.at && $0.description == fault.description }
        switch fault.effect {
        case .channelPause: self.pauseChannel(false)
        case .hold(let conversation): self.operate { try await self.release(SimulationPlan.conversation(conversation)) }
        default: break
        }
    }

    private func failOver(lag: Duration) {
        let rollback = self.log.failOver()
        if !rollback.lost.isEmpty { self.oracle.reached(.tailLost) }
        if !rollback.back.isEmpty { self.oracle.reached(.settledCameBack) }
        self.oracle.rolledBack(rollback)
        self.note(
            nil,
            "lost: \(rollback.lost.sorted()), back: \(rollback.back.sorted()), displaced: \(rollback.displaced.sorted()), forgotten: \(rollback.forgotten.count)"
        )
    }

    private func pauseChannel(_ isPaused: Bool) {
        self.isChannelPaused = isPaused
        if isPaused { self.oracle.reached(.channelPaused) }
        for pod in self.pods { pod.process?.applyPause() }
    }

    var pauses: [ChannelID: Pause?] {
        [SimulationPlan.channel: self.isChannelPaused ? Pause() : nil]
    }
}

extension World {
    // MARK: Calls

    /// What becomes of a call on its way to a store and back.
    enum Passage {
        case arrives(there: Duration, back: Duration)
        /// The caller hears of trouble after `patience`; the store has done nothing.
        case requestLost(patience: Duration)
        /// The caller hears of trouble; the store has done it.
        case replyLost(there: Duration, patience: Duration)
    }

    func passage(of party: Party, to store: Fault.Store) -> Passage {
        var (there, back) = (self.hop(), self.hop())
        for fault in self.faults {
            switch fault.effect {
            case .cut(let pod, store) where pod == nil || self.pods[pod!].process?.party === party:
                return .requestLost(patience: self.patience())
            case .flaky(store, let share) where self.random.chance(share):
                if self.random.chance(0.5) { return .requestLost(patience: self.patience()) }
                return .replyLost(there: there, patience: self.patience())
            case .slow(store, let delay):
                there += self.random.duration(.zero...delay)
                back += self.random.duration(.zero...delay)
            default: break
            }
        }
        return .arrives(there: there, back: back)
    }

    func hop() -> Duration { .microseconds(100 + self.random.below(1_900)) }

    private func patience() -> Duration { self.random.element(of: [.milliseconds(1), .milliseconds(200), .seconds(1)]) }

    /// Does something at a server, now or as soon as it comes to it; then `done`.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value,
        done: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        _ = self.outside.act {
            Task {
                do {
                    done(.success(try await body()))
                } catch let error as StoreError {
                    done(.failure(error))
                } catch {
                    preconditionFailure("a store has thrown \(error)")
                }
            }
        }
    }
}
