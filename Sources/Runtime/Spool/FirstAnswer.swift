import Synchronization

/// Of several that may answer, the first is heard.
final class FirstAnswer<Value: Sendable>: Sendable {
    private enum State {
        case asked
        case awaited(CheckedContinuation<Value, Never>)
        case given(Value)
    }

    private let state: Mutex<State>

    init() { self.state = Mutex(.asked) }

    /// Waits for it. Called once.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let given = self.state.withLock { state -> Value? in
                if case .given(let value) = state { return value }
                state = .awaited(continuation)
                return nil
            }
            if let given { continuation.resume(returning: given) }
        }
    }

    func give(_ value: Value) {
        let waiter = self.state.withLock { state -> CheckedContinuation<Value, Never>? in
            switch state {
            case .given: return nil
            case .asked:
                state = .given(value)
                return nil
            case .awaited(let waiter):
                state = .given(value)
                return waiter
            }
        }
        waiter?.resume(returning: value)
    }
}
