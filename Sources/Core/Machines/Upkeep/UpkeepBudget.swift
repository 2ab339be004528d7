/// How much of a pass is left, and when its lease has to be renewed. Time is monotonic, since any fixed origin.
public struct UpkeepBudget: Sendable {
    public enum Step: Hashable, Sendable {
        case goOn
        /// Renew the lease, then go on.
        case renew
        /// The time is over.
        case stop
    }

    private let end: Duration
    private let renewal: Duration
    private var nextRenewal: Duration

    /// - Parameters:
    ///   - limit: for the whole pass.
    ///   - lease: how long the lease lasts, renewed a quarter into it.
    public init(limit: Duration, lease: Duration, at now: Duration) {
        self.end = now + limit
        self.renewal = lease / 4
        self.nextRenewal = now + self.renewal
    }

    /// Asked before each batch.
    public mutating func step(at now: Duration) -> Step {
        if now >= self.end { return .stop }
        guard now >= self.nextRenewal else { return .goOn }
        self.nextRenewal = now + self.renewal
        return .renew
    }
}
