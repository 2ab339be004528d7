/// Exponential backoff with full jitter: before attempt *n + 1*, wait a random time from 0 to `base · 2ⁿ⁻¹`, at most `cap`.
///
/// Full jitter as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): of the variants compared there it
/// keeps the downstream's load lowest.
public struct RetryPolicy: Hashable, Sendable {
    /// Attempts in all, the first included. From 1. Defaults to 3.
    public var maximumAttempts: Int
    /// Upper bound of the first wait. Defaults to 2 s, so the bounds are 2 s, 4 s, 8 s, …
    public var base: Duration
    /// Upper bound of every wait. Defaults to 60 s.
    public var cap: Duration

    public init(maximumAttempts: Int = 3, base: Duration = .seconds(2), cap: Duration = .seconds(60)) {
        self.maximumAttempts = maximumAttempts
        self.base = base
        self.cap = cap
    }

    /// The largest wait after attempt `attempt` (from 1).
    public func ceiling(afterAttempt attempt: Int) -> Duration {
        let doublings = min(max(attempt, 1) - 1, 30)
        return min(self.base * (1 << doublings), self.cap)
    }

    /// The wait after attempt `attempt` (from 1).
    public func delay(
        afterAttempt attempt: Int, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let ceiling = self.ceiling(afterAttempt: attempt).milliseconds
        return .milliseconds(Int64.random(in: 0...max(ceiling, 0), using: &generator))
    }
}
