public import CardumeCore

/// What the partitions of one queue that are owned here have in memory.
public struct QueueCensus: Hashable, Sendable {
    public var partitions = 0
    /// Messages they may hold.
    public var credits = 0
    /// Messages they hold.
    public var messages = 0
    public var conversations = 0
    /// Of them, those with something to do.
    public var busy = 0
    /// When the oldest of the unfinished messages arrived; `nil` for none.
    public var oldest: Timestamp?

    static func += (left: inout Self, right: Self) {
        left.partitions += right.partitions
        left.credits += right.credits
        left.messages += right.messages
        left.conversations += right.conversations
        left.busy += right.busy
        left.oldest = [left.oldest, right.oldest].compactMap(\.self).min()
    }
}

extension Dispatcher {
    /// Counts what is in memory. Looks at every conversation there, partition by partition, so that no shard is kept long.
    /// Called once for each scrape.
    public func census() async -> [QueueID: QueueCensus] {
        var result: [QueueID: QueueCensus] = [:]
        for partition in self.open { result[partition.id.queue, default: QueueCensus()] += await partition.census }
        return result
    }
}
