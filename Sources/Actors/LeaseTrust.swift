package import CardumeCore
import Synchronization

/// Until when this process may act as the owner of what it has claimed. Asked right before anything that cannot be taken back.
public final class LeaseTrust: Sendable {
    private struct State {
        var end: Duration?
        var revoked: Set<Fence> = []
    }

    private let state = Mutex(State())

    /// Trusts for ever, until told otherwise.
    public init() {}

    /// - Parameter end: uptime; `nil` for ever.
    func extend(to end: Duration?) {
        self.state.withLock { $0.end = end }
    }

    /// Others may have taken these, whatever the next renewal says of the rest: what works there learns of it only later.
    func revoke(_ fences: [Fence]) {
        self.state.withLock { $0.revoked.formUnion(fences) }
    }

    /// Nothing works there any more.
    func forget(_ fence: Fence) {
        self.state.withLock { _ = $0.revoked.remove(fence) }
    }

    func isTrusted(_ fence: Fence, at uptime: Duration) -> Bool {
        self.state.withLock { state in
            (state.end.map { uptime < $0 } ?? true) && (state.revoked.isEmpty || !state.revoked.contains(fence))
        }
    }
}

extension StoreError {
    /// What stops a process that may not act on its leases any more.
    package static let untrusted = StoreError(
        .fenced, "the lease could not be renewed in time; others may be at work")
}
