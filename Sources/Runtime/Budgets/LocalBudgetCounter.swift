public import CardumeCore
import Synchronization

/// The embedded deployment's counter of budgets: there is only this process.
public final class LocalBudgetCounter: BudgetCounter {
    private let ledgers = Mutex<[String: BudgetLedger]>([:])
    private let uptime: @Sendable () -> Duration

    /// - Parameter uptime: monotonic time since any fixed origin.
    public init(uptime: @escaping @Sendable () -> Duration) {
        self.uptime = uptime
    }

    public func lease(_ request: BudgetLeaseRequest, of budget: String) async throws -> BudgetLease {
        let now = self.uptime().milliseconds
        return self.ledgers.withLock { $0[budget, default: BudgetLedger()].lease(request, at: now) }
    }
}
