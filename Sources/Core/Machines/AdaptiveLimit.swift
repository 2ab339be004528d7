/// How many calls may be in flight at once to something whose capacity nobody knows: found out from how long calls take and
/// which are turned away.
///
/// Calls are looked at in windows of at least ``Policy/window``, as long as one call usually takes, and of twice as many calls as
/// the limit, but not fewer than ``Policy/minimumSamples`` nor more than ``Policy/enoughSamples``. At a window's end, with
/// `latency` its mean and `baseline` what a call takes when nothing queues:
///
///     gradient = clamp(tolerance × baseline / latency, 0.5, 1)
///     limit    = limit × gradient + max(2, queue × √limit)
///
/// so that with a capacity of `c` calls at once, beyond which latency grows in proportion, the limit settles near
/// `tolerance × c + queue × √c`: some calls queue there, which is what keeps it busy. (Gradient and queue allowance: Netflix
/// concurrency-limits, `Gradient2Limit`; after TCP Vegas, Brakmo and Peterson, 1995.)
///
/// A call that is turned away (429) lowers the limit at once to `backoff` times what was in flight, or, when less than
/// half the limit was, to `backoff` times itself; at most once per round trip. So does a breaker that has opened, once until
/// something is served again, and a call that times out while more than ``Policy/lateness`` of the latest did: one in a hundred
/// that never ends is there with two in flight as with two hundred. Its time counts as that of a call that was served. For
/// ``Policy/caution`` windows after that the limit grows by two in a hundred at a time instead of by the queue allowance (additive
/// increase, multiplicative decrease: Chiu and Jain, 1989).
///
/// The baseline follows slower calls only slowly, for they may be queueing, and every ``Policy/probeInterval`` windows the limit
/// is lowered for one window to look (as Envoy's adaptive concurrency does and TCP BBR's PROBE_RTT). When calls turn
/// out to be quicker then, they had been queueing: the limit stays down, and is lowered further until they get no quicker. That
/// is how a limit that begins far too high comes down although every call that was ever seen was slow.
///
/// With too few calls in flight to say anything (less than half the limit, or windows that do not fill within
/// ``Policy/patience``) the limit stays what it is.
public struct AdaptiveLimit: Sendable {
    public struct Policy: Hashable, Sendable {
        /// From 1.
        public var floor: Int
        /// Not below ``floor``.
        public var ceiling: Int
        /// Where it begins. Defaults to the ceiling.
        public var initial: Int
        /// Latency up to this many times the baseline counts as none. Defaults to 1.03.
        public var tolerance: Double
        /// Calls that may queue, as a multiple of the limit's square root. Defaults to 0.8.
        public var queue: Double
        /// What is left of the limit after a call was turned away. Defaults to 0.9.
        public var backoff: Double
        /// Defaults to 1 s.
        public var window: Duration
        /// Defaults to 10.
        public var minimumSamples: Int
        /// Calls after which a window may end, however high the limit is. Defaults to 400: answers of language models differ so
        /// much in length (3 s in the 95th percentile where the median is 1 s) that the mean of 100 is off by 7 % by chance, which
        /// is more than the queue allowance makes good at limits above 130.
        public var enoughSamples: Int
        /// Share of the latest calls that may time out before each is like one that was turned away. Defaults to 0.1.
        public var lateness: Double
        /// Windows between two looks at the baseline. Defaults to 15.
        public var probeInterval: Int
        /// Windows of slow growth after a call was turned away. Defaults to 30.
        public var caution: Int
        /// After which a window that has not filled is thrown away. Defaults to 30 s.
        public var patience: Duration

        public init(
            floor: Int = 1, ceiling: Int, initial: Int? = nil, tolerance: Double = 1.03, queue: Double = 0.8,
            backoff: Double = 0.9, window: Duration = .seconds(1), minimumSamples: Int = 10, enoughSamples: Int = 400,
            lateness: Double = 0.1, probeInterval: Int = 15, caution: Int = 30, patience: Duration = .seconds(30)
        ) {
            self.floor = max(floor, 1)
            self.ceiling = max(ceiling, self.floor)
            self.initial = min(max(initial ?? self.ceiling, self.floor), self.ceiling)
            self.tolerance = tolerance
            self.queue = queue
            self.backoff = backoff
            self.window = window
            self.minimumSamples = minimumSamples
            self.enoughSamples = enoughSamples
            self.lateness = lateness
            self.probeInterval = probeInterval
            self.caution = caution
            self.patience = patience
        }
    }

    /// How a call ended.
    public enum Outcome: Hashable, Sendable {
        case served
        /// Turned away: there was no capacity for it.
        case overloaded
        /// It did not end in time.
        case timedOut
        /// Not even tried: a breaker is open.
        case blocked
        /// Says nothing about capacity: a bad request, an interrupted call.
        case other
    }

    /// A look at the baseline.
    private struct Probe {
        /// The limit before, and the latency it had.
        var from: Double
        var latencyBefore: Double
        /// The limit now.
        var lowered: Double
        /// Of the step before.
        var latency: Double
    }

    private struct Window {
        let beganAt: Duration
        var seenAt: Duration
        var count = 0
        /// Calls in flight, added up over time.
        var area = 0.0
        var sum = 0.0
        var sumOfSquares = 0.0
        var mostInFlight = 0

        init(at now: Duration) {
            self.beganAt = now
            self.seenAt = now
        }

        /// - Parameter inFlight: calls that ran since the latest one ended, or since they began.
        mutating func pass(until now: Duration, inFlight: Int) {
            self.area += Double(inFlight) * (now - self.seenAt).seconds
            self.seenAt = now
        }

        /// A call has ended that says nothing: as if it had not been there.
        mutating func leave(_ latency: Duration, inFlight: Int, at now: Duration) {
            self.pass(until: now, inFlight: inFlight)
            self.area = max(0, self.area - min(latency, now - self.beganAt).seconds)
        }

        /// Nothing ran before `time`.
        mutating func rest(until time: Duration) { self.seenAt = max(self.seenAt, time) }

        mutating func add(_ latency: Duration, inFlight: Int, at now: Duration) {
            self.pass(until: now, inFlight: inFlight)
            self.count += 1
            self.sum += latency.seconds
            self.sumOfSquares += latency.seconds * latency.seconds
            self.mostInFlight = max(self.mostInFlight, inFlight)
        }

        /// By Little's law. The mean over the calls that ended in the window would be too short: long ones are still running.
        var mean: Double { self.area / Double(self.count) }

        func mean(until now: Duration, inFlight: Int) -> Double {
            (self.area + Double(inFlight) * (now - self.seenAt).seconds) / Double(self.count)
        }

        /// Of the mean, as a share of it: by so much it may be off by chance.
        var error: Double {
            let mean = self.sum / Double(self.count)
            let variance = max(self.sumOfSquares / Double(self.count) - mean * mean, 0)
            return (variance / Double(self.count)).squareRoot() / max(mean, 0.000_001)
        }
    }

    public private(set) var policy: Policy
    private var estimate: Double
    private var probe: Probe?
    private var window: Window?
    private let beganHigh: Bool
    private var windowsUntilProbe: Int
    private var cautionLeft = 0
    private var loweredAt: Duration?
    /// Whether the latest call left nothing in flight.
    private var isIdle = true
    /// Whether the limit was lowered for a breaker that has been open since.
    private var isBlocked = false
    /// What share of the latest calls timed out; each counts for a fiftieth of it.
    private var lateShare = 0.0
    private static let lateMemory = 0.02
    /// Full windows so far.
    private var windows = 0
    /// Whether the baseline has been looked for.
    private var hasSettled = false

    /// What a call takes when nothing queues; `nil` before the first window is full.
    public private(set) var baseline: Duration?
    /// Mean of the latest full window.
    public private(set) var latency: Duration?

    public init(policy: Policy) {
        self.policy = policy
        self.estimate = Double(policy.initial)
        // One that begins high may be queueing already; one that begins low can learn while it grows.
        self.beganHigh = self.estimate > Double(2 * policy.minimumSamples)
        self.windowsUntilProbe = self.beganHigh ? 1 : 10
    }

    /// Calls that may be in flight at once, between the floor and the ceiling.
    public var limit: Int {
        self.clamped(self.probe?.lowered ?? self.estimate)
    }

    /// Other bounds or numbers count from now on; where to begin no longer does.
    public mutating func update(_ policy: Policy) {
        self.policy = policy
        self.estimate = self.bounded(self.estimate)
    }

    /// A call has ended.
    ///
    /// - Parameters:
    ///   - inFlight: calls in flight when it ended, itself included.
    ///   - now: monotonic.
    /// - Returns: whether ``limit`` may have changed.
    public mutating func finished(_ latency: Duration, inFlight: Int, _ outcome: Outcome, at now: Duration) -> Bool {
        // A pause between two bursts is nobody's latency.
        if self.isIdle { self.window?.rest(until: now - latency) }
        self.isIdle = inFlight <= 1
        switch outcome {
        case .other:
            self.window?.leave(latency, inFlight: inFlight, at: now)
            return false
        case .overloaded:
            return self.overloaded(inFlight: inFlight, at: now)
        case .blocked:
            guard !self.isBlocked else { return false }
            self.isBlocked = true
            return self.overloaded(inFlight: inFlight, at: now)
        case .timedOut:
            self.lateShare += (1 - self.lateShare) * Self.lateMemory
            guard self.lateShare <= self.policy.lateness else { return self.overloaded(inFlight: inFlight, at: now) }
            return self.served(latency, inFlight: inFlight, at: now)
        case .served:
            self.isBlocked = false
            self.lateShare -= self.lateShare * Self.lateMemory
            return self.served(latency, inFlight: inFlight, at: now)
        }
    }

    private mutating func overloaded(inFlight: Int, at now: Duration) -> Bool {
        // Once per round trip: those sent before the limit was lowered say nothing new.
        if let loweredAt, now - loweredAt < max(self.latency ?? .zero, self.policy.window) { return false }
        self.loweredAt = now
        self.probe = nil
        // One lone call that fails says little about how many are too many.
        let tried = Double(inFlight) * 2 < self.estimate ? self.estimate : min(self.estimate, Double(inFlight))
        self.estimate = self.bounded(tried * self.policy.backoff)
        self.cautionLeft = self.policy.caution
        self.window = nil
        return true
    }

    private mutating func served(_ latency: Duration, inFlight: Int, at now: Duration) -> Bool {
        // What was in flight before the limit was lowered has to leave first.
        if self.window == nil, inFlight > self.limit { return false }
        var window = self.window ?? Window(at: now)
        let age = now - window.beganAt
        let needed = max(self.policy.minimumSamples, min(2 * self.limit, self.policy.enoughSamples))
        // Without this call: calls may end in bursts, and a window goes from the beginning of one to the beginning of another.
        let isFull =
            window.count >= needed && age >= max(self.policy.window, .seconds(window.mean(until: now, inFlight: inFlight)))
        if isFull {
            window.pass(until: now, inFlight: inFlight)
            self.ended(window)
            window = Window(at: now)
        } else if age > self.policy.patience, window.count < self.policy.minimumSamples {
            window = Window(at: now)
        }
        window.add(latency, inFlight: inFlight, at: now)
        // Begun anew when what is too much has left.
        self.window = inFlight > self.limit ? nil : window
        return isFull
    }

    private mutating func ended(_ window: Window) {
        self.latency = .seconds(window.mean)
        if let probe { return self.ended(window, probe) }
        self.windows += 1
        if !self.hasSettled {
            self.follow(window.mean, share: 1 / Double(self.windows))
        } else if window.mean * (1 + 2 * window.error) < self.baseline?.seconds ?? 0 {
            // What queues is never quicker than what does not.
            self.follow(window.mean, share: 0.3)
        }
        guard window.mostInFlight * 2 >= self.limit else { return }
        self.windowsUntilProbe -= 1
        if self.windowsUntilProbe <= 0, self.canProbe(self.estimate) {
            self.lower(
                Probe(
                    from: self.estimate, latencyBefore: window.mean, lowered: self.estimate, latency: window.mean))
        } else {
            self.adjust(window)
        }
    }

    private mutating func follow(_ mean: Double, share: Double) {
        let baseline = self.baseline?.seconds ?? mean
        self.baseline = .seconds(baseline + (mean - baseline) * share)
    }

    private mutating func adjust(_ window: Window) {
        // Less what chance may well explain.
        let gradient = self.gradient(window.mean * (1 - window.error))
        var allowance = max(2, self.estimate.squareRoot() * self.policy.queue)
        if self.cautionLeft > 0 {
            self.cautionLeft -= 1
            allowance = max(1, self.estimate * 0.02)
        }
        self.estimate = self.bounded(self.estimate * max(gradient, 0.5) + allowance)
    }

    private func gradient(_ latency: Double) -> Double {
        min(self.policy.tolerance * (self.baseline?.seconds ?? latency) / max(latency, 0.000_001), 1)
    }

    // MARK: Looking at the baseline

    private var probeRatio: Double { self.beganHigh && !self.hasSettled ? 0.5 : 0.75 }

    private func canProbe(_ estimate: Double) -> Bool {
        self.clamped(estimate * self.probeRatio) < self.clamped(estimate)
    }

    private mutating func lower(_ probe: Probe) {
        var probe = probe
        probe.lowered *= self.probeRatio
        self.probe = probe
    }

    private mutating func ended(_ window: Window, _ probe: Probe) {
        let baseline = self.baseline?.seconds ?? window.mean
        let isQuicker = window.mean * (1 + 2 * window.error) < probe.latency * 0.95
        let isAsEver = self.hasSettled && window.mean <= baseline * self.policy.tolerance
        if isQuicker, !isAsEver, window.mostInFlight * 2 >= self.limit, self.canProbe(probe.lowered) {
            var next = probe
            next.latency = window.mean
            return self.lower(next)
        }
        // Surely another, or perhaps only by chance.
        let isOff = abs(window.mean - baseline) > 2 * window.error * window.mean
        self.follow(window.mean, share: isOff ? 1 : 0.5)
        let change = abs((self.baseline?.seconds ?? baseline) / max(baseline, 0.000_001) - 1)
        self.hasSettled = true
        self.probe = nil
        // What has just moved is looked at again soon.
        self.windowsUntilProbe = change > 0.05 ? max(self.policy.probeInterval / 4, 1) : self.policy.probeInterval
        self.estimate = self.bounded(probe.from * self.gradient(probe.latencyBefore))
    }

    private func bounded(_ value: Double) -> Double {
        min(max(value, Double(self.policy.floor)), Double(self.policy.ceiling))
    }

    private func clamped(_ value: Double) -> Int { Int(self.bounded(value).rounded()) }
}
