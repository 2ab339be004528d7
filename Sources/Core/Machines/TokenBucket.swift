/// A rate with a burst: who comes is told when to go, in the order of coming.
///
/// The generic cell rate algorithm (ITU-T I.371): with one token each `T = 60 s / perMinute` and a burst of `b`, somebody may
/// go at `max(now, next − (b − 1) · T)`, after which `next = max(next, then) + T`. So in any stretch of time `t` at most
/// `t / T + b` go.
public struct TokenBucket: Sendable {
    public struct Settings: Hashable, Sendable {
        /// 0 for no limit.
        public var perMinute: Int
        /// How many may go at once after a pause. From 1.
        public var burst: Int

        public init(perMinute: Int, burst: Int = 1) {
            self.perMinute = perMinute
            self.burst = burst
        }

        fileprivate var interval: Duration { self.perMinute > 0 ? .seconds(60) / self.perMinute : .zero }
    }

    public private(set) var settings: Settings
    /// When the next would go if there were no burst.
    private var next: Duration?

    public init(_ settings: Settings) {
        self.settings = settings
    }

    /// Takes a token.
    ///
    /// - Returns: when it is there; `now` or later.
    public mutating func reserve(at now: Duration) -> Duration {
        guard self.settings.perMinute > 0 else { return now }
        let interval = self.settings.interval
        let next = self.next ?? now
        let time = max(now, next - interval * (self.settings.burst - 1))
        self.next = max(next, time) + interval
        return time
    }

    /// From now on these count; those who were told a time keep it, and those who come after them wait as for the new rate.
    public mutating func update(_ settings: Settings, at now: Duration) {
        if let next = self.next, next > now, self.settings.interval > .zero {
            self.next = now + settings.interval * ((next - now) / self.settings.interval)
        }
        self.settings = settings
    }
}
