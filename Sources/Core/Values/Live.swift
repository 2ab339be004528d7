import Synchronization

/// A setting that may change while it is used. Readers take it anew for each decision.
public final class Live<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    public init(_ value: Value) {
        self.state = Mutex(value)
    }

    public var value: Value { self.state.withLock { $0 } }

    public func set(_ value: Value) {
        self.state.withLock { $0 = value }
    }
}
