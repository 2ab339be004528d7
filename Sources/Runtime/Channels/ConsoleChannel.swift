public import CardumeCore

/// Prints replies instead of sending them: the channel of a runtime that has no gateway yet.
public struct ConsoleChannel: MessageChannel {
    private let show: @Sendable (SendIntent) -> Void

    /// - Parameter show: writes one reply where people see it.
    public init(show: @escaping @Sendable (SendIntent) -> Void) {
        self.show = show
    }

    public var maximumTextLength: Int { 65_536 }
    public var sendTimeout: Duration { .zero }
    public var recordDelay: Duration { .zero }

    public func send(_ intent: SendIntent) async -> SendOutcome {
        self.show(intent)
        return .accepted(providerID: nil)
    }

    public func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        .impossible(reason: "a console keeps no record")
    }
}
