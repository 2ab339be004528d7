/// The course of one send intent, from before the first request until its end is known.
///
/// Gateways offer no idempotency key. So `sending` is journaled before every request; a request of which nobody can say
/// whether it was carried out is never simply repeated: the gateway is asked first, and at most one request is repeated.
public struct SendMachine {
    public struct Policy: Sendable {
        public var onAmbiguous: AmbiguousSendPolicy
        /// How long a request may still be working at the gateway after it began.
        public var sendTimeout: Duration
        /// How long after that the gateway's record may still lack the message. Defaults to 3 s.
        public var recordDelay: Duration
        /// How often a gateway that does not answer is asked. Defaults to 30, which with the usual backoff is half an hour.
        public var reconciliations: Int
        /// Backoff of sends that were certainly not carried out; its attempt limit does not apply.
        public var backoff: RetryPolicy
        /// How long after its message arrived a reply that cannot be sent is given up. Defaults to 24 h.
        public var giveUpAfter: Duration
        /// Requests in doubt that are repeated, of one intent.
        package var resends = 1

        public init(
            onAmbiguous: AmbiguousSendPolicy = .reconcileThenResend,
            sendTimeout: Duration,
            recordDelay: Duration = .seconds(3),
            reconciliations: Int = 30,
            backoff: RetryPolicy = RetryPolicy(),
            giveUpAfter: Duration = .seconds(24 * 3600)
        ) {
            self.onAmbiguous = onAmbiguous
            self.sendTimeout = sendTimeout
            self.recordDelay = recordDelay
            self.reconciliations = reconciliations
            self.backoff = backoff
            self.giveUpAfter = giveUpAfter
        }
    }

    /// What to do next. Where `intent` has changed since the last step, it is journaled first, unless only a route is asked for.
    public enum Step: Hashable, Sendable {
        /// Find a server that is none of these; report with ``routed(_:at:using:)``.
        case route(avoiding: Set<String?>)
        /// Write the request; report with ``sent(_:at:using:)``.
        case send
        /// Ask the gateway; report with ``reconciled(_:at:using:)``.
        case reconcile
        /// Wait, for this reason, then ``waited(at:)``.
        case wait(Duration, Blocker.Cause)
        /// The intent is final.
        case done
    }

    private enum State {
        case notBegun
        /// A server other than these, which certainly did not send it, is looked for. Goes to `sending`, `retrying` or `finished`.
        case routing(tried: Set<String?>)
        /// Goes to `reconciling`, `routing`, `retrying` or `finished`.
        case sending(tried: Set<String?>)
        /// In doubt; the gateway is asked (again) after a wait.
        case reconciling(tries: Int)
        /// The gateway will not be asked any more; the policy decides once the request can no longer be working.
        case givingUpAsking
        /// No server took it, or could be asked; goes to `routing` after a wait.
        case retrying
        case finished
    }

    public private(set) var intent: SendIntent
    private let policy: Policy
    private var state = State.notBegun
    private var since: Timestamp?

    public init(_ intent: SendIntent, policy: Policy) {
        self.intent = intent
        self.policy = policy
    }

    /// Whether the latest attempt can still be found missing by mistake.
    private func recordIsComplete(at now: Timestamp) -> Bool {
        now >= self.completeAt
    }

    private var completeAt: Timestamp {
        (self.intent.attemptedAt ?? Timestamp(milliseconds: 0))
            .advanced(by: self.policy.sendTimeout + self.policy.recordDelay)
    }

    /// The first step. An intent found in `sending` or `unknown` is one that an earlier owner left in doubt.
    ///
    /// - Parameter isInherited: `false` when this process has just journaled `sending` together with the turn.
    ///
    /// - Parameter since: when the reply's message arrived; giving up counts from here, also over restarts.
    public mutating func begin(isInherited: Bool, since: Timestamp, at now: Timestamp) -> Step {
        guard case .notBegun = self.state else { preconditionFailure("\(self.intent.id): begun twice") }
        self.since = since
        switch self.intent.state {
        case .pending:
            return self.route(avoiding: [])
        case .sending where !isInherited:
            self.state = .sending(tried: [])
            return .send
        case .sending:
            self.intent.state = .unknown
            self.intent.ambiguousAttempts += 1
            self.intent.lastError = "the process that was sending it ended"
            return self.ask()
        case .unknown:
            return self.ask()
        case .accepted, .refused, .parked, .dropped:
            self.state = .finished
            return .done
        }
    }

    /// A server was looked for.
    public mutating func routed(
        _ route: SendRoute, at now: Timestamp, using generator: inout some RandomNumberGenerator
    ) -> Step {
        guard case .routing(let tried) = self.state else { preconditionFailure("\(self.intent.id): no route was asked for") }
        switch route {
        case .server(let server):
            // The one resend after a doubt.
            if self.intent.state == .unknown { self.intent.resends += 1 }
            self.intent.server = server
            return self.beginAttempt(avoiding: tried, at: now)
        case .postponed(let cause, let delay):
            return self.isTooLate(at: now) ? self.giveUp() : self.postpone(cause, delay)
        case .exhausted:
            let delay = self.policy.backoff.delay(afterAttempt: self.intent.attempts, using: &generator)
            return self.postpone(.gateway(reason: self.intent.lastError ?? ""), delay)
        }
    }

    /// The request is written now, however long its journal entry took: what is asked of the gateway later, and when its
    /// silence is believed, count from here.
    public mutating func requestBegins(at now: Timestamp) {
        guard case .sending = self.state else { preconditionFailure("\(self.intent.id): nothing to send") }
        self.intent.attemptedAt = now
    }

    /// The request came to an end, or was not even begun.
    public mutating func sent(_ outcome: SendOutcome, at now: Timestamp) -> Step {
        guard case .sending(let tried) = self.state else { preconditionFailure("\(self.intent.id): no request was begun") }
        switch outcome {
        case .accepted(let providerID):
            return self.accept(providerID)
        case .refused(let reason):
            return self.finish(.refused, error: reason)
        case .unavailable(let reason):
            self.intent.lastError = reason
            if self.isTooLate(at: now) { return self.giveUp() }
            self.intent.state = .pending
            return self.route(avoiding: tried.union([self.intent.server]))
        case .postponed(let cause, let delay):
            self.intent.attempts -= 1
            if self.isTooLate(at: now) { return self.giveUp() }
            self.intent.state = .pending
            return self.postpone(cause, delay)
        case .unknown(let reason):
            self.intent.state = .unknown
            self.intent.ambiguousAttempts += 1
            self.intent.lastError = reason
            return self.ask()
        }
    }

    /// The gateway answered the question.
    public mutating func reconciled(_ answer: Reconciliation, at now: Timestamp) -> Step {
        guard case .reconciling(let tries) = self.state else {
            preconditionFailure("\(self.intent.id): nothing was asked")
        }
        switch answer {
        case .found(let providerID):
            return self.accept(providerID)
        case .absent where self.recordIsComplete(at: now):
            return self.resendOrPark()
        case .impossible(let reason):
            self.intent.lastError = reason
            return self.resendWhenComplete(at: now)
        case .absent:
            // The request may still be working, or its record not be written yet: absence means nothing so far.
            self.state = .reconciling(tries: tries)
            return .wait(self.completeAt.elapsed(since: now), self.doubt)
        case .unavailable(let reason):
            self.intent.lastError = reason
            guard tries + 1 < self.policy.reconciliations else { return self.resendWhenComplete(at: now) }
            self.state = .reconciling(tries: tries + 1)
            return .wait(self.policy.backoff.ceiling(afterAttempt: tries + 1), self.doubt)
        }
    }

    /// A wait is over.
    public mutating func waited(at now: Timestamp) -> Step {
        switch self.state {
        case .retrying:
            return self.route(avoiding: [])
        case .givingUpAsking:
            return self.resendOrPark()
        case .reconciling where self.policy.onAmbiguous == .alwaysResend:
            return self.resendOrPark()
        case .reconciling:
            return .reconcile
        case .notBegun, .routing, .sending, .finished:
            preconditionFailure("\(self.intent.id): nothing to wait for")
        }
    }

    private mutating func route(avoiding tried: Set<String?>) -> Step {
        self.state = .routing(tried: tried)
        return .route(avoiding: tried)
    }

    private mutating func postpone(_ cause: Blocker.Cause, _ delay: Duration) -> Step {
        self.state = .retrying
        return .wait(delay, cause)
    }

    private func isTooLate(at now: Timestamp) -> Bool {
        now.elapsed(since: self.since ?? now) >= self.policy.giveUpAfter
    }

    private mutating func giveUp() -> Step {
        let error = self.intent.lastError ?? "no server could be asked in time"
        // An earlier request may have been sent after all.
        return self.finish(self.intent.ambiguousAttempts > 0 ? .parked : .refused, error: error)
    }

    private mutating func beginAttempt(avoiding tried: Set<String?>, at now: Timestamp) -> Step {
        self.state = .sending(tried: tried)
        self.intent.state = .sending
        self.intent.attempts += 1
        self.intent.attemptedAt = now
        return .send
    }

    private mutating func ask() -> Step {
        self.state = .reconciling(tries: 0)
        // The first question may be too early for an answer of "absent", but an early "found" ends the doubt at once.
        return self.policy.onAmbiguous == .alwaysResend ? .wait(.zero, self.doubt) : .reconcile
    }

    /// While the request may still be working, a second one could overtake it.
    private mutating func resendWhenComplete(at now: Timestamp) -> Step {
        guard !self.recordIsComplete(at: now) else { return self.resendOrPark() }
        self.state = .givingUpAsking
        return .wait(self.completeAt.elapsed(since: now), self.doubt)
    }

    private mutating func resendOrPark() -> Step {
        guard self.policy.onAmbiguous != .neverResend, self.intent.resends < self.policy.resends else {
            return self.finish(.parked, error: self.intent.lastError)
        }
        return self.route(avoiding: [])
    }

    private var doubt: Blocker.Cause { .doubt(reason: self.intent.lastError ?? "") }

    private mutating func accept(_ providerID: String?) -> Step {
        self.intent.providerID = providerID
        return self.finish(.accepted, error: nil)
    }

    private mutating func finish(_ final: SendIntent.State, error: String?) -> Step {
        self.state = .finished
        self.intent.state = final
        self.intent.lastError = error
        return .done
    }
}
