/// Looks into queues for people. Reads more than ``PartitionLog/depths()`` does: asked when somebody looks, not by the second.
public protocol BacklogReader: Sendable {
    /// What each partition of a queue holds; those that hold nothing are missing.
    func backlog(of queue: QueueID) async throws(StoreError) -> [PartitionBacklog]
}

/// What one partition holds.
public struct PartitionBacklog: Hashable, Sendable {
    public var number: Int
    /// Unsettled entries, in flight included.
    public var depth: Int
    /// Of the first entry: how long it has been there is how long the partition is behind.
    public var oldestAt: Timestamp
    public var oldestConversation: Conversation.ID

    public init(number: Int, depth: Int, oldestAt: Timestamp, oldestConversation: Conversation.ID) {
        self.number = number
        self.depth = depth
        self.oldestAt = oldestAt
        self.oldestConversation = oldestConversation
    }
}
