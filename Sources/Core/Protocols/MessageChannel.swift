/// The way out to one WhatsApp number.
public protocol MessageChannel: Sendable {
    /// The longest text one message may have, in characters.
    var maximumTextLength: Int { get }

    /// How long a request that was begun may still be working at the gateway.
    var sendTimeout: Duration { get }

    /// How long after ``sendTimeout`` the gateway's own record may still lack a message that it sent.
    var recordDelay: Duration { get }

    /// Sends one part of a reply, at most once. Called after `sending` is durable. Never throws: what cannot be known for
    /// certain is ``SendOutcome/unknown(reason:)``.
    func send(_ intent: SendIntent) async -> SendOutcome

    /// Asks the gateway whether it sent `intent`. Looks only at messages since its latest attempt began, and never answers
    /// with one of `known`, the ids that belong to other intents of this conversation.
    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation
}
