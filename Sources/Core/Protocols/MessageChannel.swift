/// The way out to one WhatsApp number.
public protocol MessageChannel: Sendable {
    /// The longest text one message may have, in characters.
    var maximumTextLength: Int { get }

    /// How long a request that was begun may still be working at the gateway.
    var sendTimeout: Duration { get }

    /// How long after ``sendTimeout`` the gateway's own record may still lack a message that it sent.
    var recordDelay: Duration { get }

    /// Whether ``lead(for:)`` may ask for a wait: then no send is journaled as begun together with its turn.
    var hasLead: Bool { get }

    /// What is to precede the first request of `intent`. Called once for each reply part, not for repetitions; takes its place
    /// among the number's sends. Defaults to nothing.
    func lead(for intent: SendIntent) -> SendLead

    /// Shows the contact that somebody types. Nobody hears whether it succeeded; cancelled when the time is over. Defaults to
    /// nothing.
    func showTyping(for intent: SendIntent, lasting duration: Duration) async

    /// Which server is to carry `intent` now. Asked before `sending` is journaled with the answer. Defaults to one without a name.
    ///
    /// - Parameter tried: servers that certainly did not send it, since the last wait.
    func route(_ intent: SendIntent, avoiding tried: Set<String?>) -> SendRoute

    /// Sends one part of a reply through ``SendIntent/server``, at most once. Called after `sending` is durable. Never throws:
    /// what cannot be known for certain is ``SendOutcome/unknown(reason:)``.
    func send(_ intent: SendIntent) async -> SendOutcome

    /// Asks the gateway whether it sent `intent`. Looks only at messages since its latest attempt began, and never answers
    /// with one of `known`, the ids that belong to other intents of this conversation.
    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation

    /// Asks the gateway whether the number is connected. At most 10 s. Defaults to up.
    func check() async -> GatewayCheck
}

extension MessageChannel {
    public var hasLead: Bool { false }

    public func lead(for intent: SendIntent) -> SendLead { .none }

    public func showTyping(for intent: SendIntent, lasting duration: Duration) async {}

    public func route(_ intent: SendIntent, avoiding tried: Set<String?>) -> SendRoute {
        tried.isEmpty ? .server(nil) : .exhausted
    }

    public func check() async -> GatewayCheck { .up }
}
