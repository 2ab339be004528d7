import CardumeCore
import Synchronization

/// One server behind a number: the way to it, its circuit breaker, and what it says about itself.
final class GatewayServer: Sendable {
    private struct Health {
        var problem: String?
        /// Uptime.
        var nextCheck = Duration.zero
        var isBeingChecked = false
    }

    let name: String?
    let channel: any MessageChannel
    let breaker: Breaker
    private let health = Mutex(Health())

    init(name: String?, channel: any MessageChannel, breaker: Breaker) {
        self.name = name
        self.channel = channel
        self.breaker = breaker
    }

    /// Why nothing goes there, as the latest check says.
    var problem: String? { self.health.withLock { $0.problem } }

    /// As far as is known without asking.
    func availability(at now: Duration) -> GatewayRouter.Availability {
        let (problem, nextCheck) = self.health.withLock { ($0.problem, $0.nextCheck) }
        if let problem {
            return .away(cause: .gateway(reason: problem), wait: max(nextCheck - now, .milliseconds(100)))
        }
        if let wait = self.breaker.remaining() { return .away(cause: .breaker(self.breaker.name), wait: wait) }
        return .ready
    }

    /// Sends, and tells the breaker. Refused, a number that does not exist for instance, is not the server's fault.
    func send(_ intent: SendIntent) async -> SendOutcome {
        switch self.breaker.admit() {
        case .refused:
            // Somebody else was quicker. The next route says where to, or how long to wait.
            return .postponed(cause: .breaker(self.breaker.name), delay: .zero)
        case .granted(let permit):
            let outcome = await self.channel.send(intent)
            switch outcome {
            case .accepted, .refused: self.breaker.finished(permit, .success)
            case .unavailable(let reason), .unknown(let reason):
                self.breaker.finished(permit, .failure, because: reason)
            case .postponed: self.breaker.finished(permit, .ignored)
            }
            return outcome
        }
    }

    /// Checks it when the time has come; called often.
    ///
    /// - Parameter interval: to the next check; a sixth of it, or a second, when it is down. Zero: never, and nothing is known.
    /// - Returns: what it said, when that is news.
    func checkIfDue(every interval: Duration, clock: any RuntimeClock) async -> GatewayCheck? {
        let isDue = self.health.withLock { health in
            if interval == .zero { health.problem = nil }
            guard interval > .zero, !health.isBeingChecked, health.nextCheck <= clock.uptime else { return false }
            health.isBeingChecked = true
            return true
        }
        guard isDue else { return nil }
        let check = await self.channel.check()
        return self.health.withLock { health in
            health.isBeingChecked = false
            // Cut off in the middle, an answer says nothing.
            guard !Task.isCancelled else { return nil }
            let wasUp = health.problem == nil
            health.problem = check.problem
            health.nextCheck = clock.uptime + (health.problem == nil ? interval : max(interval / 6, min(interval, .seconds(1))))
            return wasUp == (health.problem == nil) ? nil : check
        }
    }
}
