import CardumeCore

/// What all partitions of one assistant share. Replaced as a whole when something of it changes.
final class PartitionSettings: Sendable {
    let assistant: Assistant
    /// The assistant's; its turns answer no more messages than are in memory at once.
    let rules: ConversationRules
    let bulkhead: Bulkhead
    /// One slot for the whole process: messages that may have killed it run one at a time.
    let suspects: Bulkhead
    /// Messages in memory at most.
    let credits: Int
    /// Of them, messages of one conversation at most.
    let perConversation: Int
    /// Runs under observation after which a message that was running at each crash is given up.
    let crashMarkLimit: Int

    init(
        assistant: Assistant, bulkhead: Bulkhead, suspects: Bulkhead, credits: Int, perConversation: Int,
        crashMarkLimit: Int
    ) {
        self.assistant = assistant
        self.rules = ConversationRules(
            retry: assistant.retry, onDeadLetter: assistant.onDeadLetter, turns: assistant.turns.bounded(by: perConversation))
        self.bulkhead = bulkhead
        self.suspects = suspects
        self.credits = credits
        self.perConversation = perConversation
        self.crashMarkLimit = crashMarkLimit
    }
}
