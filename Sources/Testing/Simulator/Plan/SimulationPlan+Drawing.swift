import CardumeActors
import CardumeCore

extension SimulationPlan {
    /// How often each kind of fault comes, to the others.
    private static let weights: [(FaultKind, Int)] = [
        (.crash, 4), (.pause, 4), (.restart, 3), (.cut, 3), (.flaky, 3), (.slow, 2), (.failover, 2), (.clock, 1), (.model, 4),
        (.gateway, 5), (.stray, 1), (.transfer, 4), (.hold, 1), (.channelPause, 1),
    ]
    /// While messages come.
    private static let loadTime: ClosedRange<Duration> = .seconds(3) ... .seconds(10)

    /// - Parameter kinds: of faults that may come. What else the seed decides does not depend on them.
    init(seed: UInt64, kinds: Set<FaultKind> = Set(FaultKind.allCases)) {
        self.seed = seed
        var random = SimulationRandom(seed: seed, stream: 0)
        self.drawCluster(&random)
        self.drawAssistants(&random)
        self.drawGateway(&random)
        let end = random.duration(Self.loadTime)
        self.drawArrivals(until: end, &random)
        for index in self.arrivals.indices {
            if !kinds.contains(.duplicate) { self.arrivals[index].repeats = [] }
            if !kinds.contains(.poison) { self.arrivals[index].isPoison = false }
        }
        let count = random.element(of: [0, 1, 1, 2, 2, 3, 3, 4, 5, 6])
        for _ in 0..<count {
            let (kind, fault) = self.fault(until: end, &random)
            if kinds.contains(kind) { self.faults.append(fault) }
        }
        self.faults.sort { $0.at < $1.at }
        self.healAt = self.faults.reduce(end) { max($0, $1.at + $1.lasting) } + .milliseconds(500)
    }

    private mutating func drawCluster(_ random: inout SimulationRandom) {
        self.pods = random.element(of: [1, 2, 2, 3])
        self.shards = random.integer(1...2)
        self.partitions = random.element(of: [1, 1, 2])
        self.conversations = random.integer(1...3)
        self.timeToLive = random.duration(.seconds(3) ... .seconds(6))
        self.interval = random.duration(.milliseconds(500) ... .seconds(1))
        self.handover = random.duration(.milliseconds(200) ... .seconds(5))
        self.skew = (0..<self.pods).map { _ in random.duration(.milliseconds(-100) ... .milliseconds(100)) }
        self.surveys = random.chance(0.2)
        self.common.credits = random.integer(1...8)
        self.common.perConversation = random.integer(1...4)
        self.common.idleTime = random.duration(.seconds(2) ... .seconds(30))
        self.common.crashMarkLimit = random.integer(1...2)
        self.common.slots = random.chance(0.3) ? random.integer(1...3) : nil
    }

    private mutating func drawAssistants(_ random: inout SimulationRandom) {
        let names: [AssistantID] = Array(["a", "b"].prefix(random.element(of: [1, 2, 2])))
        self.assistants = names.map { name in
            var assistant = Assistant(id: name)
            assistant.slots = random.integer(1...3)
            assistant.transfers = names.filter { $0 != name }.map { TransferOption(assistant: $0, reason: "") }
            if random.chance(0.15) { assistant.bulkhead.lanes[.heavy] = BulkheadPolicy.LanePolicy(isSeparate: true) }
            assistant.contextTurns = random.integer(0...2)
            assistant.retry = RetryPolicy(
                maximumAttempts: random.integer(1...3), base: random.duration(.milliseconds(100) ... .seconds(1)),
                cap: .seconds(4))
            assistant.onDeadLetter = random.chance(0.3) ? .hold : .continue
            assistant.onAmbiguousSend = random.element(
                of: [.reconcileThenResend, .reconcileThenResend, .neverResend, .alwaysResend])
            assistant.turns = Self.turnPolicy(&random)
            if random.chance(0.15) { assistant.timers = Self.timers(&random) }
            return assistant
        }
        self.modelTimeout = random.duration(.seconds(3) ... .seconds(8))
        self.breakers.model = CircuitBreaker.Settings(
            callTimeout: .seconds(5), window: .seconds(20), minimumCalls: random.integer(2...10),
            openFor: random.duration(.seconds(1) ... .seconds(5)))
    }

    private static func turnPolicy(_ random: inout SimulationRandom) -> TurnPolicy {
        var policy = TurnPolicy()
        if random.chance(0.4) {
            policy.debounce.wait = .milliseconds(random.integer(200...2_000))
            policy.debounce.maximumWait = random.duration(.seconds(2) ... .seconds(5))
        }
        policy.debounce.maximumMessages = random.integer(2...4)
        if random.chance(0.3) { policy.onNewMessage = .supersede }
        if random.chance(0.3) {
            policy.late.after = random.duration(.milliseconds(500) ... .seconds(4))
            policy.late.action = random.element(of: TurnPolicy.Late.Action.allCases)
            policy.late.apology = "sorry"
        }
        return policy
    }

    private static func timers(_ random: inout SimulationRandom) -> TimerPlan {
        let first = TimerRule(name: "ask", delay: random.duration(.seconds(1) ... .seconds(3)), text: "there?")
        let last = TimerRule(
            name: "close", delay: random.duration(.seconds(3) ... .seconds(5)), text: random.chance(0.5) ? "bye" : "",
            closes: true)
        return TimerPlan(random.chance(0.5) ? [first, last] : [first])
    }

    private mutating func drawGateway(_ random: inout SimulationRandom) {
        self.servers = random.element(of: [1, 1, 2])
        self.sendTimeout = random.duration(.seconds(1) ... .seconds(4))
        self.recordDelay = random.duration(.zero ... .seconds(1))
        self.hasRecord = random.chance(0.85)
        if random.chance(0.2) { self.gateway.policy = .roundRobin }
        if random.chance(0.3) { self.gateway.healthCheck = .seconds(2) }
        if random.chance(0.15) { self.gateway.pacing = TokenBucket.Settings(perMinute: 60, burst: random.integer(1...3)) }
        self.breakers.gateway = CircuitBreaker.Settings(
            callTimeout: .seconds(3), window: .seconds(20), minimumCalls: random.integer(2...10),
            openFor: random.duration(.seconds(1) ... .seconds(5)))
    }

    private mutating func drawArrivals(until end: Duration, _ random: inout SimulationRandom) {
        var numbers = [Int](repeating: 0, count: self.conversations)
        let isBursty = random.chance(0.4)
        var time = Duration.zero
        for _ in 0..<random.integer(2...12) {
            time = isBursty && random.chance(0.7) ? time + .milliseconds(100) : random.duration(.zero...end)
            let conversation = random.below(self.conversations)
            let manner = self.manner(&random)
            let arrival = Arrival(
                at: min(time, end), conversation: conversation, number: numbers[conversation],
                kind: random.element(of: [.text, .text, .text, .text, .audio, .document]), manner: manner,
                repeats: random.chance(0.25) ? [random.duration(.milliseconds(1) ... .seconds(6))] : [],
                isPoison: random.chance(0.02))
            numbers[conversation] += 1
            self.arrivals.append(arrival)
        }
        self.arrivals.sort { $0.at < $1.at }
    }

    private func manner(_ random: inout SimulationRandom) -> Arrival.Manner {
        let other = random.element(of: self.assistants).id
        return switch random.below(20) {
        case 0: .silence
        case 1, 2: .long
        case 3, 4: self.assistants.count > 1 ? .pass(other) : .answer
        case 5, 6: self.assistants.count > 1 ? .farewell(other) : .answer
        default: .answer
        }
    }

    private func fault(until end: Duration, _ random: inout SimulationRandom) -> (FaultKind, Fault) {
        var place = random.below(Self.weights.reduce(0) { $0 + $1.1 })
        let kind = Self.weights.first { weighted in
            place -= weighted.1
            return place < 0
        }!.0
        let pod = random.below(self.pods)
        let store: Fault.Store = random.chance(0.5) ? .log : .journal
        let share = random.element(of: [0.2, 0.5, 1.0])
        let short = random.duration(.milliseconds(200) ... .seconds(3))
        // Around the time after which a lease is believed no more, and the time after which others may take it.
        let long = random.duration(.milliseconds(500)...self.timeToLive * 2)
        let conversation = random.below(self.conversations)
        let at = random.duration(.milliseconds(100)...end)
        let (effect, lasting): (Fault.Effect, Duration) =
            switch kind {
            case .crash, .duplicate, .poison: (.crash(pod: pod), short)
            case .pause: (random.chance(0.5) ? .pause(pod: pod) : .pauseAtSend(pod: pod), long)
            case .restart: (.restart(pod: pod), short)
            case .cut: (.cut(pod: random.chance(0.3) ? nil : pod, store), long)
            case .flaky: (.flaky(store, share: share / 2), long)
            case .slow: (.slow(store, by: random.duration(.milliseconds(50) ... .seconds(2))), long)
            case .failover: (.failover(lag: random.duration(.milliseconds(50) ... .seconds(2))), .zero)
            case .clock: (.clock(pod: pod, by: random.duration(.seconds(-20) ... .seconds(20))), .zero)
            case .model: (.model(random.element(of: Fault.ModelTrouble.allCases), share: share), long)
            case .gateway:
                (
                    .gateway(
                        server: random.chance(0.5) ? nil : random.below(self.servers),
                        random.element(of: Fault.GatewayTrouble.allCases), share: share), long
                )
            case .stray: (.stray(share: share), long)
            case .transfer: (.transfer(conversation: conversation, to: random.element(of: self.assistants).id), .zero)
            case .hold: (.hold(conversation: conversation), short)
            case .channelPause: (.channelPause, short)
            }
        return (kind, Fault(effect: effect, at: at, lasting: lasting))
    }
}
