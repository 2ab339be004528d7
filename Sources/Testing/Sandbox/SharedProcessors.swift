import CardumeCore
import Synchronization

/// ``ProcessorSharing`` in real time.
final class SharedProcessors: Sendable {
    private struct State {
        var sharing: ProcessorSharing<CheckedContinuation<Void, Never>>
        /// When the earliest timer wakes; `nil` when there is none.
        var wakesAt: Duration?
    }

    private let state: Mutex<State>
    private let origin = ContinuousClock.now

    init(capacity: Int?) {
        self.state = Mutex(State(sharing: ProcessorSharing(capacity: capacity)))
    }

    func resize(capacity: Int?) {
        self.happened { $0.resize(capacity: capacity) }
    }

    /// Returns when the call is done.
    func run(_ work: Duration) async {
        await withCheckedContinuation { call in
            self.happened { $0.began(call, work: work) }
        }
    }

    private func happened(_ event: (inout ProcessorSharing<CheckedContinuation<Void, Never>>) -> Void) {
        let (ended, wakesAt) = self.state.withLock { state in
            let now = ContinuousClock.now - self.origin
            let ended = state.sharing.ended(by: now)
            event(&state.sharing)
            if let wakesAt = state.wakesAt, wakesAt <= now { state.wakesAt = nil }
            guard let next = state.sharing.nextEnd, next < state.wakesAt ?? .seconds(Int64.max) else {
                return (ended, nil as Duration?)
            }
            state.wakesAt = next
            return (ended, next)
        }
        for call in ended { call.resume() }
        guard let wakesAt else { return }
        // A timer that another has overtaken finds nothing to do, at the latest when the last call has ended.
        Task {
            try? await ContinuousClock().sleep(until: self.origin + wakesAt, tolerance: .zero)
            self.happened { _ in }
        }
    }
}
