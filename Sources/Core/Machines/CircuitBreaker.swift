import DequeModule

/// Keeps callers away from a server that fails, and finds out with few calls whether it is well again.
///
/// ```
/// closed ── too many errors ──▶ open ── its time is over ──▶ half-open ── a probe succeeds ──▶ closed
///                                ▲──────── a probe fails, or does not end in time ────┘
/// ```
/// Every call that is let through is reported with ``finished(_:_:at:)``, or counts as failed once it has taken longer than
/// ``Settings/callTimeout``: a server that hangs is noticed after that time, not when its callers give up. What began before
/// the latest change of state counts no more.
///
/// Times are those of one monotonic clock.
public struct CircuitBreaker: Sendable {
    public struct Settings: Hashable, Sendable {
        /// A call that takes longer counts as failed. Defaults to 10 s.
        public var callTimeout: Duration
        /// Share of failed calls at which it opens; above 0, to 1. Defaults to 0.5.
        public var errorRatio: Double
        /// Which calls count. Defaults to those that ended in the latest 60 s.
        public var window: Duration
        /// With fewer, nothing can be said. From 1. Defaults to 10.
        public var minimumCalls: Int
        /// How long it stays open. Defaults to 30 s.
        public var openFor: Duration
        /// Calls let through at once while it is half-open. From 1. Defaults to 1.
        public var probes: Int

        public init(
            callTimeout: Duration = .seconds(10), errorRatio: Double = 0.5, window: Duration = .seconds(60),
            minimumCalls: Int = 10, openFor: Duration = .seconds(30), probes: Int = 1
        ) {
            self.callTimeout = callTimeout
            self.errorRatio = errorRatio
            self.window = window
            self.minimumCalls = minimumCalls
            self.openFor = openFor
            self.probes = probes
        }
    }

    public enum Phase: String, Sendable, CaseIterable {
        case closed
        case open
        case halfOpen = "half_open"
    }

    /// The right to make one call.
    public struct Permit: Hashable, Sendable {
        fileprivate let number: UInt64
        /// Whether the call decides for all others.
        public let isProbe: Bool
    }

    public enum Admission: Hashable, Sendable {
        case granted(Permit)
        /// Not now. Whoever waits as long as told does not come back at the same time as all the others.
        case refused(retryAfter: Duration)
    }

    /// What a call says about the server.
    public enum CallResult: Hashable, Sendable {
        case success
        case failure
        /// Nothing: it was cancelled, or never made.
        case ignored
    }

    public struct Change: Hashable, Sendable {
        public let from: Phase
        public let to: Phase
        public let at: Duration
    }

    /// What the window held when too much of it was errors.
    public struct Opening: Hashable, Sendable {
        public let calls: Int
        public let errors: Int
    }

    private enum State: Hashable {
        /// Goes to `open`.
        case closed
        /// Goes to `halfOpen`.
        case open(until: Duration)
        /// Goes to `closed` or `open`.
        case halfOpen
    }

    /// Those who are refused come back one after the other at this distance.
    private static let returnInterval = Duration.milliseconds(5)
    /// How soon somebody who finds the probes taken asks again, at the earliest.
    private static let probePatience = Duration.milliseconds(500)

    /// May change at any time.
    public var settings: Settings {
        didSet { if self.settings.window != oldValue.window { self.window = ErrorWindow(span: self.settings.window) } }
    }
    private var state = State.closed
    private var since = Duration.zero
    private var window: ErrorWindow
    /// Begin of each call that is out, by number; numbers ascend with time.
    private var running: [UInt64: Duration] = [:]
    private var order: Deque<UInt64> = []
    private var latestNumber: UInt64 = 0
    private var latestTime = Duration.zero
    /// Told to come back since the latest change.
    private var refusals = 0
    private var changes: [Change] = []
    /// Why it is not closed; `nil` while it is. Probes that fail leave it as it was.
    public private(set) var opening: Opening?

    public init(settings: Settings = Settings()) {
        self.settings = settings
        self.window = ErrorWindow(span: settings.window)
    }

    /// As of the latest call of any method that is told the time.
    public var phase: Phase {
        switch self.state {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        }
    }

    /// When it opened, or became half-open; `nil` while closed.
    public var changedAt: Duration? { self.state == .closed ? nil : self.since }

    /// When the next probe may go; `nil` unless open.
    public var nextProbe: Duration? {
        if case .open(let until) = self.state { until } else { nil }
    }

    /// Calls that are out.
    public var callsRunning: Int { self.running.count }

    /// Calls of the window, while closed.
    public func totals(at now: Duration) -> (calls: Int, errors: Int) { self.window.totals(at: now) }

    /// The changes since this was asked last, in order.
    public mutating func takeChanges() -> [Change] {
        defer { self.changes = [] }
        return self.changes
    }

    /// How long no call can be made, as far as is known; `nil` when one can.
    public mutating func remaining(at now: Duration) -> Duration? {
        let now = self.advance(to: now)
        switch self.state {
        case .closed: return nil
        case .halfOpen: return self.running.count < self.settings.probes ? nil : Self.probePatience
        case .open(let until): return until - now
        }
    }

    /// The same for somebody who will come back after that time: not all at once, but one after the other.
    public mutating func wait(at now: Duration, using generator: inout some RandomNumberGenerator) -> Duration? {
        guard let remaining = self.remaining(at: now) else { return nil }
        self.refusals += 1
        let limit = min(Self.returnInterval * self.refusals, self.settings.openFor)
        return remaining + .milliseconds(Int64.random(in: 0...limit.milliseconds, using: &generator))
    }

    /// Asks to make a call.
    public mutating func admit(at now: Duration, using generator: inout some RandomNumberGenerator) -> Admission {
        if let wait = self.wait(at: now, using: &generator) { return .refused(retryAfter: wait) }
        self.latestNumber += 1
        self.running[self.latestNumber] = self.latestTime
        self.order.append(self.latestNumber)
        return .granted(Permit(number: self.latestNumber, isProbe: self.state == .halfOpen))
    }

    /// A call has ended. Called at most once for each permit.
    public mutating func finished(_ permit: Permit, _ result: CallResult, at now: Duration) {
        let now = self.advance(to: now)
        guard self.running.removeValue(forKey: permit.number) != nil, result != .ignored else { return }
        self.count(isError: result == .failure, at: now)
    }

    /// Lets time do its part.
    ///
    /// - Returns: `now`, or the latest time seen when callers on several threads came in another order than they looked.
    @discardableResult
    public mutating func advance(to now: Duration) -> Duration {
        self.latestTime = max(now, self.latestTime)
        while let oldest = self.order.first {
            if let begin = self.running[oldest] {
                let end = begin + self.settings.callTimeout
                guard end < self.latestTime else { break }
                self.running[oldest] = nil
                self.count(isError: true, at: end)
            }
            // A change of state has forgotten them all.
            _ = self.order.popFirst()
        }
        if case .open(let until) = self.state, until <= self.latestTime { self.change(to: .halfOpen, at: until) }
        return self.latestTime
    }

    private mutating func count(isError: Bool, at now: Duration) {
        switch self.state {
        case .closed:
            self.window.count(isError: isError, at: now)
            let (calls, errors) = self.window.totals(at: now)
            guard calls >= self.settings.minimumCalls, Double(errors) >= self.settings.errorRatio * Double(calls) else {
                return
            }
            self.opening = Opening(calls: calls, errors: errors)
            self.change(to: .open(until: now + self.settings.openFor), at: now)
        case .halfOpen:
            self.change(to: isError ? .open(until: now + self.settings.openFor) : .closed, at: now)
        case .open:
            preconditionFailure("nothing is out while it is open")
        }
    }

    private mutating func change(to state: State, at now: Duration) {
        let from = self.phase
        self.state = state
        if state == .closed { self.opening = nil }
        self.since = now
        self.refusals = 0
        self.running = [:]
        self.order = []
        self.window = ErrorWindow(span: self.settings.window)
        self.changes.append(Change(from: from, to: self.phase, at: now))
    }
}
