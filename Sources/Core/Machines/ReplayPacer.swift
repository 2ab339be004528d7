/// How many dead letters may go back into the log now, for a rate that is never exceeded over any second.
public struct ReplayPacer: Sendable {
    private var latest: Duration?
    private var credit = 0.0

    public init() {}

    /// - Parameters:
    ///   - rate: letters in a second.
    ///   - now: on the monotonic clock.
    /// - Returns: how many may go; those that do not are not saved up beyond a fifth of a second, or one letter.
    public mutating func allowance(_ rate: Double, at now: Duration) -> Int {
        // The very first does not wait.
        let earned = self.latest.map { max(.zero, now - $0).seconds * rate } ?? 1
        self.latest = now
        self.credit = min(self.credit + earned, max(1, rate / 5))
        return Int(self.credit)
    }

    /// So many have gone.
    public mutating func used(_ count: Int) { self.credit -= Double(count) }
}
