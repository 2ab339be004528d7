/// Counts requests over sliding windows. All calls may come from any task.
public protocol RateLimiter: Sendable {
    /// Counts a request, unless it is over the limit: that leaves no trace.
    ///
    /// - Parameter limit: not off.
    /// - Returns: `nil` when nobody can say at the moment; the request then passes.
    func take(_ key: RateKey, _ limit: RateLimit) async -> RateDecision?

    /// Takes back an allowed request that came to nothing. What cannot be taken back stays counted.
    func giveBack(_ key: RateKey, _ decision: RateDecision) async
}
