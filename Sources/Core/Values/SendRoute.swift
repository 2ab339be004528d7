/// Which server is to carry a reply.
public enum SendRoute: Hashable, Sendable {
    /// This one; `nil` where a channel has only one, without a name.
    case server(String?)
    /// None at the moment. Asked again after the wait.
    case postponed(cause: Blocker.Cause, delay: Duration)
    /// All that could be asked have just been tried.
    case exhausted
}

/// What precedes the first request of a reply, so that a number does not write like a machine.
public struct SendLead: Hashable, Sendable {
    public static let none = SendLead(pause: .zero, typing: .zero)

    /// Waited first.
    public var pause: Duration
    /// Then the contact is shown for so long that somebody types.
    public var typing: Duration

    public init(pause: Duration, typing: Duration) {
        self.pause = pause
        self.typing = typing
    }
}

/// What a gateway server says about itself.
public enum GatewayCheck: Hashable, Sendable {
    case up
    case down(reason: String)

    /// Why it is down; `nil` when it is up.
    public var problem: String? {
        if case .down(let reason) = self { reason } else { nil }
    }
}
