import Synchronization

/// Keeps repeated lines out of a log: the first of each period is written, the others are counted.
package final class LineLimit: Sendable {
    private let period: Duration
    private let state = Mutex((latest: ContinuousClock.Instant?.none, suppressed: 0))

    /// - Parameter period: defaults to 1 s.
    package init(every period: Duration = .seconds(1)) {
        self.period = period
    }

    /// Called for every line.
    ///
    /// - Returns: how many were suppressed since the last one that was written; `nil` when this one is to be suppressed.
    package func admit(at now: ContinuousClock.Instant = .now) -> Int? {
        self.state.withLock { state in
            if let latest = state.latest, now < latest + self.period {
                state.suppressed += 1
                return nil
            }
            defer { state = (now, 0) }
            return state.suppressed
        }
    }
}
