public import CardumeCore
import Synchronization

/// Counts requests in this process alone. Exact where there is no other one.
public final class LocalRateLimiter: RateLimiter {
    private struct State {
        var windows: Generations<RateKey, SlidingWindow>
        var agedAt: Int64 = 0
    }

    private static let minute: Int64 = 60_000_000

    private let state: Mutex<State>
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - callers: remembered at once; with more, those silent for longest begin anew. Defaults to 10,000, which with 120
    ///     requests each are some 10 MB.
    ///   - clock: microseconds since any fixed origin. Defaults to the system's monotonic clock.
    public init(callers: Int = 10_000, clock: (@Sendable () -> Int64)? = nil) {
        self.state = Mutex(State(windows: Generations(limit: callers)))
        let origin = ContinuousClock.now
        self.clock = clock ?? { Int64(origin.duration(to: .now) / .microseconds(1)) }
    }

    public func take(_ key: RateKey, _ limit: RateLimit) async -> RateDecision? {
        self.state.withLock { state in
            let now = self.clock()
            // Who has been silent for a minute has an empty window.
            if now - state.agedAt >= Self.minute {
                state.windows.age()
                state.agedAt = now
            }
            var window = state.windows[key] ?? SlidingWindow()
            // Not held twice, or each change would copy it.
            state.windows[key] = nil
            defer { state.windows[key] = window }
            return window.take(limit, at: now)
        }
    }

    public func giveBack(_ key: RateKey, _ decision: RateDecision) async {
        self.state.withLock { state in
            var window = state.windows[key]
            state.windows[key] = nil
            window?.giveBack(decision.stamp)
            state.windows[key] = window
        }
    }
}
