/// What a worker may begin while the shared counter is away: half of its latest share, but no less than half of an equal part
/// among all workers known then. All of them together stay within the limit: ½ · (Σ shares + Σ equal parts) ≤ ½ · (1 + 1).
struct LoneBudget: Sendable {
    /// For how long the counter may not answer before the worker goes on without it.
    static let outage = Duration.seconds(1)
    /// Workers assumed when the counter has never answered.
    static let assumedWorkers = 10

    let since: Duration
    /// Of the limit; from 0 to ½.
    let share: Double
    private var requests = 0.0
    private var tokens = 0.0
    private var at: Duration

    init(since now: Duration, share: Double?, workers: Int?) {
        self.since = now
        self.at = now
        self.share = max(share ?? 0, 1 / Double(max(1, workers ?? Self.assumedWorkers))) / 2
    }

    func isInForce(at now: Duration) -> Bool { now - self.since >= Self.outage }

    mutating func flow(_ limits: BudgetLimits, until now: Duration) {
        guard self.isInForce(at: now) else { return }
        let elapsed = (now - self.at).milliseconds
        let share = self.share
        func raised(_ level: Double, _ limit: Int?) -> Double {
            guard let limit else { return .greatestFiniteMagnitude }
            let flow = share * Double(limit)
            return min(max(1, flow / 60), level + flow * Double(elapsed) / Double(BudgetLedger.window))
        }
        self.requests = raised(self.requests, limits.requests)
        self.tokens = raised(self.tokens, limits.tokens)
        self.at = now
    }

    /// - Returns: whether a call may begin. Its tokens may go into debt.
    mutating func take(_ tokens: Int) -> Bool {
        guard self.requests >= 1, self.tokens > 0 else { return false }
        self.requests -= 1
        self.tokens -= Double(tokens)
        return true
    }
}
