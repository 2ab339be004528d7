import Synchronization

/// A source as scrapes see it: asked by one at a time, its answer shared by all who wait, and left out when it takes too long.
final class MetricSourceRunner: Sendable {
    private typealias Waiter = CheckedContinuation<[MetricSample]?, Never>

    private struct State {
        var isAsked = false
        var waiters: [Int: Waiter] = [:]
        var nextID = 0
    }

    let name: String
    private let source: any MetricSource
    private let state = Mutex(State())

    init(_ name: String, _ source: any MetricSource) {
        self.name = name
        self.source = source
    }

    /// - Returns: `nil` when it has not answered within `limit`. It is not asked again before it has.
    func samples(within limit: Duration) async -> [MetricSample]? {
        await withCheckedContinuation { (waiter: Waiter) in
            let (id, mustAsk) = self.state.withLock { state in
                state.nextID += 1
                state.waiters[state.nextID] = waiter
                defer { state.isAsked = true }
                return (state.nextID, !state.isAsked)
            }
            // Neither is a child of the caller's: one that hangs must not hold up whoever has given up waiting.
            Task {
                try? await ContinuousClock().sleep(for: limit)
                self.giveUp(id)
            }
            if mustAsk { Task { self.answered(await self.source.samples()) } }
        }
    }

    private func giveUp(_ id: Int) {
        self.state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
    }

    private func answered(_ samples: [MetricSample]) {
        let waiters = self.state.withLock { state in
            state.isAsked = false
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: samples) }
    }
}
