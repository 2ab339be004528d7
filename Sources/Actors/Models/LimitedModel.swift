public import CardumeCore
import Synchronization

/// The calls that one model endpoint takes at once from this process: a limit found out from how long they take, shared by
/// weight between the assistants that call it, so that one that hangs or floods leaves the others their part.
public final class ModelEndpoint: Sendable {
    private struct State {
        var limiter: AdaptiveLimit
        var bulkheads: [AssistantID: Bulkhead] = [:]
    }

    private let state: Mutex<State>
    private let pool: SlotPool
    private let clock: any RuntimeClock

    public init(_ policy: AdaptiveLimit.Policy, clock: any RuntimeClock) {
        let limiter = AdaptiveLimit(policy: policy)
        self.state = Mutex(State(limiter: limiter))
        self.pool = SlotPool(total: limiter.limit, clock: clock)
        self.clock = clock
    }

    /// Calls that may be in flight now.
    public var limit: Int { self.state.withLock { $0.limiter.limit } }
    public var inFlight: Int { self.pool.inUse }
    /// What a call took lately; zero before anybody knows.
    var usualLatency: Duration { self.state.withLock { $0.limiter.latency ?? .zero } }

    /// From now on these bounds count.
    public func update(_ policy: AdaptiveLimit.Policy) {
        self.state.withLock { state in
            state.limiter.update(policy)
            self.pool.resize(total: state.limiter.limit)
        }
    }

    /// One assistant's way to it.
    ///
    /// - Parameter weight: its share when the limit is reached.
    func bulkhead(of assistant: Assistant) -> Bulkhead {
        let limits = SlotLimits(slots: .max / 2, weight: assistant.bulkhead.weight)
        let bulkhead = self.state.withLock { state in
            if let known = state.bulkheads[assistant.id] { return known }
            let new = Bulkhead(limits, in: self.pool)
            state.bulkheads[assistant.id] = new
            return new
        }
        bulkhead.update(limits)
        return bulkhead
    }

    func finished(_ latency: Duration, _ outcome: AdaptiveLimit.Outcome) {
        let inFlight = self.pool.inUse
        self.state.withLock { state in
            let before = state.limiter.limit
            _ = state.limiter.finished(latency, inFlight: inFlight, outcome, at: self.clock.uptime)
            // Within the lock, so that the latest limit is the one in force.
            if state.limiter.limit != before { self.pool.resize(total: state.limiter.limit) }
        }
    }
}

/// A model that is called only as often at once as its endpoint takes.
public struct LimitedModel: LanguageModel {
    private let model: any LanguageModel
    private let endpoint: ModelEndpoint
    private let bulkhead: Bulkhead
    private let clock: any RuntimeClock

    public init(_ model: any LanguageModel, by endpoint: ModelEndpoint, for assistant: Assistant, clock: any RuntimeClock) {
        self.model = model
        self.endpoint = endpoint
        self.bulkhead = endpoint.bulkhead(of: assistant)
        self.clock = clock
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        let askedAt = self.clock.uptime
        try await self.bulkhead.acquire()
        let beganAt = self.clock.uptime
        do {
            if let deadline = request.deadline, self.isTooLate(deadline, askedAt: askedAt, at: beganAt) {
                throw TurnPostponement(.slot(ahead: self.bulkhead.waiting, of: "the model"), delay: .milliseconds(100))
            }
            let response = try await self.model.complete(request)
            self.endpoint.finished(self.clock.uptime - beganAt, .served)
            self.bulkhead.release()
            return response
        } catch {
            self.endpoint.finished(self.clock.uptime - beganAt, AdaptiveLimit.Outcome(of: error))
            self.bulkhead.release()
            throw error
        }
    }

    /// Whether so much of a call's time has been spent here that the server would be blamed for the rest. Nothing was tried then.
    private func isTooLate(_ deadline: Duration, askedAt: Duration, at now: Duration) -> Bool {
        let left = deadline - now
        return left <= .zero || left < now - askedAt && left < self.endpoint.usualLatency
    }
}
