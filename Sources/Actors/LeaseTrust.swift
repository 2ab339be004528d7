package import CardumeCore
import Synchronization

/// Until when this process may act as the owner of what it has claimed. Asked right before anything that cannot be taken back.
public final class LeaseTrust: Sendable {
    private let end = Mutex<Duration?>(nil)

    /// Trusts for ever, until told otherwise.
    public init() {}

    /// - Parameter end: uptime; `nil` for ever.
    func extend(to end: Duration?) {
        self.end.withLock { $0 = end }
    }

    func isTrusted(at uptime: Duration) -> Bool {
        self.end.withLock { $0.map { uptime < $0 } ?? true }
    }
}

extension StoreError {
    /// What stops a process that may not act on its leases any more.
    package static let untrusted = StoreError(
        .fenced, "the lease could not be renewed in time; others may be at work")
}
