/// What the conversations of one assistant run by.
///
/// An object that they share: held by each of them, it would be touched anew, and out of the cache, for each message.
public final class ConversationRules: Sendable {
    public let retry: RetryPolicy
    public let onDeadLetter: DeadLetterPolicy
    public let turns: TurnPolicy
    /// Whether one turn may answer several messages from the start.
    public let merges: Bool

    public init(retry: RetryPolicy, onDeadLetter: DeadLetterPolicy, turns: TurnPolicy = TurnPolicy()) {
        self.retry = retry
        self.onDeadLetter = onDeadLetter
        self.turns = turns
        self.merges = turns.merges
    }
}
