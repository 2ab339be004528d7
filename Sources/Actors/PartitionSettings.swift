import CardumeCore

/// What the conversations of a partition share. Replaced as a whole when something of it changes.
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
    private let ownQueue: QueueID
    /// By lane; empty where the assistant has but its own.
    private let queues: [Lane: QueueID]

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
        self.ownQueue = assistant.queue(of: .light)
        let queues = Lane.allCases.map { ($0, assistant.queue(of: $0)) }
        self.queues = assistant.queues.count > 1 ? Dictionary(uniqueKeysWithValues: queues) : [:]
    }

    /// The same in another object: one that several shards hold would be fought over, with each message, for its count of
    /// references.
    func copy() -> PartitionSettings {
        PartitionSettings(
            assistant: self.assistant, bulkhead: self.bulkhead, suspects: self.suspects, credits: self.credits,
            perConversation: self.perConversation, crashMarkLimit: self.crashMarkLimit)
    }

    /// The queue of the assistant that a turn of `lane` belongs to; `nil` when that is `queue`.
    func queue(of lane: Lane, unless queue: QueueID) -> QueueID? {
        let wanted = self.queues[lane] ?? self.ownQueue
        return wanted == queue ? nil : wanted
    }
}
