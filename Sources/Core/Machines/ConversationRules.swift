/// What the conversations of one assistant run by. They share it, because there are many.
public final class ConversationRules: Sendable {
    /// What of the rules decides with each message whether there is anything to decide. Kept in each conversation: the rules
    /// themselves, looked at by several threads for each message, cost 5 % of what the engine does.
    struct Habits: OptionSet, Sendable {
        let rawValue: UInt8

        /// One turn may answer several messages from the start.
        static let merging = Habits(rawValue: 1)
        static let superseding = Habits(rawValue: 2)
        static let lateness = Habits(rawValue: 4)

        init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        init(_ policy: TurnPolicy) {
            self = []
            if policy.merges { self.insert(.merging) }
            if policy.onNewMessage == .supersede { self.insert(.superseding) }
            if policy.late.after > .zero { self.insert(.lateness) }
        }
    }

    public let retry: RetryPolicy
    public let onDeadLetter: DeadLetterPolicy
    public let turns: TurnPolicy

    public init(retry: RetryPolicy, onDeadLetter: DeadLetterPolicy, turns: TurnPolicy = TurnPolicy()) {
        self.retry = retry
        self.onDeadLetter = onDeadLetter
        self.turns = turns
    }
}
