/// What one process knows of the overrides. Those that expire do so here by time alone, also while the store is away: on the
/// store's clock as it was read, carried on by this process's monotonic one, so that clocks that differ do no harm.
public struct OverrideView {
    private var snapshot = OverrideSnapshot()
    private var readAt: Duration = .zero
    /// Of what was read; `nil` before that.
    public private(set) var version: Int64?

    public init() {}

    /// - Parameter uptime: monotonic time since any fixed origin, when the answer came.
    public mutating func read(_ snapshot: OverrideSnapshot, at uptime: Duration) {
        self.snapshot = snapshot
        self.readAt = uptime
        self.version = snapshot.version
    }

    /// Those that count now, sorted by path.
    public func inForce(at uptime: Duration) -> [SettingOverride] {
        let now = self.storeTime(at: uptime)
        return self.snapshot.overrides.filter { $0.isInForce(at: now) }
    }

    /// Whether one has expired that the store still has.
    public func hasExpired(at uptime: Duration) -> Bool {
        let now = self.storeTime(at: uptime)
        return self.snapshot.overrides.contains { !$0.isInForce(at: now) }
    }

    private func storeTime(at uptime: Duration) -> Timestamp {
        self.snapshot.readAt.advanced(by: uptime - self.readAt)
    }
}
