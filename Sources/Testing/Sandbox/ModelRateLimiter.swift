import DequeModule

/// How a model server counts what it allows in a minute. Calls that are refused are not counted.
public struct ModelRateLimiter: Sendable {
    public enum Window: String, Sendable, CaseIterable {
        /// Minutes of the clock.
        case fixed
        /// The latest 60 s, whenever one looks.
        case sliding
        /// A bucket that holds a minute's worth and fills evenly.
        case bucket
    }

    public struct Limits: Hashable, Sendable {
        public var requests: Int
        public var tokens: Int

        public init(requests: Int, tokens: Int) {
            self.requests = requests
            self.tokens = tokens
        }
    }

    private static let minute: Int64 = 60_000

    public let limits: Limits
    public let window: Window
    private var calls: Deque<(at: Int64, tokens: Int)> = []
    private var used = Limits(requests: 0, tokens: 0)
    private var minuteBegan: Int64 = .min
    private var level: (requests: Double, tokens: Double, at: Int64)?

    public init(_ limits: Limits, window: Window) {
        self.limits = limits
        self.window = window
    }

    /// Counts a call, or refuses it.
    ///
    /// - Parameter now: milliseconds; never less than before.
    /// - Returns: `nil` when it is allowed, or else after how many milliseconds to try again.
    public mutating func admit(tokens: Int, at now: Int64) -> Int64? {
        if self.window == .bucket { return self.drawn(tokens, at: now) }
        self.forget(before: now)
        guard self.used.requests < self.limits.requests, self.used.tokens + tokens <= self.limits.tokens else {
            let oldest = self.window == .fixed ? self.minuteBegan : self.calls.first?.at ?? now
            return max(1, oldest + Self.minute - now)
        }
        self.used.requests += 1
        self.used.tokens += tokens
        if self.window == .sliding { self.calls.append((now, tokens)) }
        return nil
    }

    /// What is left, and milliseconds until all of it is there again.
    public mutating func rest(at now: Int64) -> (requests: Int, tokens: Int, reset: Int64) {
        if let level = self.level { return (Int(level.requests), Int(level.tokens), 0) }
        self.forget(before: now)
        let latest = self.window == .fixed ? self.minuteBegan : self.calls.last?.at ?? now
        return (
            self.limits.requests - self.used.requests, max(0, self.limits.tokens - self.used.tokens),
            max(0, latest + Self.minute - now)
        )
    }

    private mutating func forget(before now: Int64) {
        switch self.window {
        case .bucket: break
        case .fixed:
            guard now / Self.minute != self.minuteBegan / Self.minute || self.minuteBegan == .min else { return }
            self.minuteBegan = now / Self.minute * Self.minute
            self.used = Limits(requests: 0, tokens: 0)
        case .sliding:
            while let first = self.calls.first, first.at <= now - Self.minute {
                self.calls.removeFirst()
                self.used.requests -= 1
                self.used.tokens -= first.tokens
            }
        }
    }

    private mutating func drawn(_ tokens: Int, at now: Int64) -> Int64? {
        let full = (Double(self.limits.requests), Double(self.limits.tokens))
        var level = self.level ?? (full.0, full.1, now)
        let minutes = Double(now - level.at) / Double(Self.minute)
        level = (min(full.0, level.requests + full.0 * minutes), min(full.1, level.tokens + full.1 * minutes), now)
        defer { self.level = level }
        guard level.requests >= 1, level.tokens >= Double(tokens) else {
            let missing = max((1 - level.requests) / full.0, (Double(tokens) - level.tokens) / full.1)
            return Int64((missing * Double(Self.minute)).rounded(.up))
        }
        level.requests -= 1
        level.tokens -= Double(tokens)
        return nil
    }
}
