import CardumeCore

/// The gateway's servers, and what they have sent.
final class SimulatedGateway: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    private struct Record {
        let intent: SendIntent
        let server: Int
        let providerID: String
        let sentAt: Timestamp
        /// From when on the gateway knows of it.
        let visibleFrom: Duration
    }

    private var records: [Record] = []

    /// The request has come to the gateway: the contact has the reply.
    func deliver(_ intent: SendIntent, through server: Int, in world: World, begunAt: Timestamp, isStray: Bool) -> String {
        let id = "p\(self.records.count)"
        let delay = world.random.duration(.zero...world.plan.recordDelay)
        self.records.append(
            Record(
                intent: intent, server: server, providerID: id, sentAt: begunAt,
                visibleFrom: world.loop.now + delay))
        if isStray { world.oracle.reached(.strayDelivered) }
        world.oracle.delivered(intent, isStray: isStray || world.oracle.clockWasSet)
        return id
    }

    /// What the gateway finds of a reply.
    func find(_ intent: SendIntent, at server: Int, known: Set<String>, now: Duration) -> Reconciliation {
        // Gateways date what they send in seconds; those who ask look some seconds further back.
        let since = (intent.attemptedAt ?? Timestamp(milliseconds: 0)).advanced(by: .seconds(-5))
        let record = self.records.last { record in
            record.server == server && record.visibleFrom <= now && record.sentAt >= since
                && record.intent.id.conversation == intent.id.conversation && record.intent.text == intent.text
                && !known.contains(record.providerID)
        }
        return record.map { .found(providerID: $0.providerID) } ?? .absent
    }
}

/// A process's way to one of the gateway's servers.
struct SimulatedServer: MessageChannel {
    let world: World
    let party: Party
    let number: Int

    var maximumTextLength: Int { SimulationPlan.wordLength }
    var sendTimeout: Duration { self.world.plan.sendTimeout }
    var recordDelay: Duration { self.world.plan.recordDelay }

    func send(_ intent: SendIntent) async -> SendOutcome {
        guard !self.party.isGone else { return .unknown(reason: "gone") }
        self.world.oracle.sendBegins(intent, by: self.party)
        self.world.note(self.party, "sends \(intent.id) through server \(self.number)")
        return await self.party.wait(ifGone: .unknown(reason: "gone")) { self.begin(intent, $0) }
    }

    private func begin(_ intent: SendIntent, _ promise: Promise<SendOutcome>) {
        let (world, loop) = (self.world, self.world.loop)
        let begunAt = world.outsideClock.wallTime
        func deliver(after delay: Duration, isStray: Bool = false, then: @escaping (String) -> Void = { _ in }) {
            loop.after(delay) {
                then(world.gateway.deliver(intent, through: self.number, in: world, begunAt: begunAt, isStray: isStray))
            }
        }
        func answer(_ outcome: SendOutcome, after delay: Duration) { loop.after(delay) { promise.keep(outcome) } }
        // The whole of it must end before the time that whoever takes over waits for.
        let most = world.plan.sendTimeout - .milliseconds(50)
        let wait = world.random.duration(.milliseconds(5)...min(.milliseconds(400), most / 2))
        if world.faults.contains(where: { if case .stray(let share) = $0.effect { world.random.chance(share) } else { false } })
        {
            let late = most + world.plan.recordDelay + world.random.duration(.zero ... .seconds(8))
            deliver(after: late, isStray: true)
            return answer(.unknown(reason: "timed out"), after: most)
        }
        switch self.trouble() {
        case nil:
            deliver(after: wait) { id in answer(.accepted(providerID: id), after: wait) }
        case .sentUnknown:
            deliver(after: wait)
            answer(.unknown(reason: "connection reset"), after: wait + wait)
        case .unsentUnknown:
            answer(.unknown(reason: "connection reset"), after: wait)
        case .late:
            deliver(after: world.random.duration(wait...most))
            answer(.unknown(reason: "timed out"), after: world.random.duration(wait...most))
        case .refused:
            answer(.refused(reason: "no such number"), after: wait)
        case .unavailable:
            answer(.unavailable(reason: "connection refused"), after: wait)
        case .silent:
            answer(.unknown(reason: "timed out"), after: most)
        }
    }

    private func trouble() -> Fault.GatewayTrouble? {
        for fault in self.world.faults {
            if case .gateway(let server, let trouble, let share) = fault.effect, server ?? self.number == self.number,
                self.world.random.chance(share)
            {
                return trouble
            }
        }
        return nil
    }

    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        let world = self.world
        guard world.plan.hasRecord else { return .impossible(reason: "this gateway keeps no record") }
        let answer: Reconciliation = await self.party.wait(ifGone: .unavailable(reason: "gone")) { promise in
            let isAway = self.trouble().map { $0 == .unavailable || $0 == .silent } ?? false
            world.loop.after(world.hop() * 10) {
                let found = world.gateway.find(intent, at: self.number, known: known, now: world.loop.now)
                let answer = isAway ? .unavailable(reason: "does not answer") : found
                world.loop.after(world.hop() * 10) { promise.keep(answer) }
            }
        }
        world.note(self.party, "asks for \(intent.id): \(answer)")
        return answer
    }

    func check() async -> GatewayCheck {
        await self.party.wait(ifGone: .up, ifCancelled: .up) { promise in
            let isAway = self.trouble().map { $0 == .unavailable || $0 == .silent } ?? false
            self.world.loop.after(self.world.hop() * 10) {
                promise.keep(isAway ? .down(reason: "not connected") : .up)
            }
        }
    }
}
