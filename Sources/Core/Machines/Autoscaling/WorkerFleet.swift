import DequeModule

/// Workers under a load, as an autoscaler's model needs them: pods that take a while to start, slots that a turn holds for its
/// time, a queue in the order of arrival. Each message is a conversation of its own.
public struct WorkerFleet: Sendable {
    public struct Settings: Hashable, Sendable {
        public var slotsPerPod: Int
        /// That a message's turn takes, in seconds.
        public var turn: Double
        /// From a pod's creation until it works, in seconds.
        public var boot: Double
        /// Within which what waits should have got a slot, in seconds.
        public var drainTarget: Double

        public init(slotsPerPod: Int = 64, turn: Double = 4, boot: Double = 15, drainTarget: Double = 30) {
            self.slotsPerPod = slotsPerPod
            self.turn = turn
            self.boot = boot
            self.drainTarget = drainTarget
        }
    }

    private struct Arrivals {
        var at: Double
        var count: Int
    }

    private struct Turns {
        var endAt: Double
        var count: Int
    }

    public let settings: Settings
    /// When each pod begins, or began, to work, latest last.
    private var pods: [Double]
    private var queue: Deque<Arrivals> = []
    private var turns: Deque<Turns> = []
    /// Of pods that are going down: they end what they have begun.
    private var leavingTurns: Deque<Turns> = []
    private var fraction = 0.0
    public private(set) var waiting = 0
    public private(set) var waits = WaitTimes()

    /// - Parameter replicas: that work from the start.
    public init(_ settings: Settings, replicas: Int) {
        self.settings = settings
        self.pods = Array(repeating: 0, count: replicas)
    }

    public var replicas: Int { self.pods.count }

    public func ready(at now: Double) -> Int { self.pods.count { $0 <= now } }

    /// Turns that have a slot, those of pods that are going down included.
    public var inFlight: Int { (self.turns + self.leavingTurns).reduce(0) { $0 + $1.count } }

    /// Of who waits longest, in seconds.
    public func oldest(at now: Double) -> Double { self.queue.first.map { max(0, now - $0.at) } ?? 0 }

    /// ``ScalingSignal`` of it.
    public var demand: Double {
        Double(self.inFlight)
            + min(Double(self.waiting) * self.settings.turn / self.settings.drainTarget, Double(self.waiting))
    }

    /// Somebody wants another number of pods. Those that do not work yet go first, then a part of all that run.
    public mutating func scale(to replicas: Int, at now: Double) {
        while self.pods.count < replicas { self.pods.append(now + self.settings.boot) }
        while self.pods.count > replicas {
            if let starting = self.pods.lastIndex(where: { $0 > now }) {
                self.pods.remove(at: starting)
                continue
            }
            let working = self.pods.count
            for index in self.turns.indices {
                let count = self.turns[index].count / working
                self.turns[index].count -= count
                if count > 0 { self.leavingTurns.append(Turns(endAt: self.turns[index].endAt, count: count)) }
            }
            self.pods.removeLast()
        }
    }

    /// Time passes.
    ///
    /// - Parameters:
    ///   - now: the end of the step.
    ///   - arrivals: messages that come in it; parts of one are kept for the next.
    public mutating func step(to now: Double, arrivals: Double) {
        self.turns.removeAll { $0.endAt <= now }
        self.leavingTurns.removeAll { $0.endAt <= now }
        self.fraction += arrivals
        let count = Int(self.fraction)
        self.fraction -= Double(count)
        if count > 0 { self.queue.append(Arrivals(at: now, count: count)) }
        self.waiting += count
        var free = self.ready(at: now) * self.settings.slotsPerPod - self.turns.reduce(0) { $0 + $1.count }
        while free > 0, let first = self.queue.first {
            let begun = min(free, first.count)
            self.turns.append(Turns(endAt: now + self.settings.turn, count: begun))
            self.waits.add(now - first.at, count: begun)
            self.waiting -= begun
            free -= begun
            if begun == first.count { self.queue.removeFirst() } else { self.queue[0].count -= begun }
        }
    }

    /// What still waits counts with the time it has waited so far.
    public func allWaits(at now: Double) -> WaitTimes {
        self.queue.reduce(into: self.waits) { $0.add(now - $1.at, count: $1.count) }
    }
}

/// How long messages have waited for a slot, to a tenth of a second.
public struct WaitTimes: Hashable, Sendable {
    private var counts: [Int: Int] = [:]
    public private(set) var count = 0

    public init() {}

    mutating func add(_ seconds: Double, count: Int) {
        self.counts[Int((seconds * 10).rounded()), default: 0] += count
        self.count += count
    }

    /// In seconds; 0 of none.
    ///
    /// - Parameter share: 0.95 for what 95 % of them did not exceed.
    public func percentile(_ share: Double) -> Double {
        let wanted = Int((Double(self.count) * share).rounded(.up))
        var seen = 0
        for (tenths, count) in self.counts.sorted(by: { $0.key < $1.key }) {
            seen += count
            if seen >= wanted { return Double(tenths) / 10 }
        }
        return 0
    }
}
