/// What the log holds that is old, at one moment: what upkeep must not touch because of it.
///
/// A turn or a dead letter is what an unsettled message is recognised by, should its owner have died before settling it. Owners
/// settle what is journaled when they take a partition over, and at once afterwards; so only partitions that nobody owns may
/// hold messages whose turn is journaled.
public struct UnsettledView: Hashable, Sendable {
    /// Clocks of doors and of workers differ by less.
    private static let margin = Duration.seconds(3_600)

    private let partitionCount: Int
    /// Of the first unsettled message, by partition number, over all queues.
    private var oldest: [Int: Timestamp] = [:]
    private var oldestUnowned: Timestamp?

    /// - Parameters:
    ///   - oldest: of the first unsettled message of each partition that holds any.
    ///   - owned: partitions that a live process owns.
    public init(_ oldest: [Partition.ID: Timestamp], owned: Set<Partition.ID>, partitionCount: Int) {
        self.partitionCount = partitionCount
        for (partition, time) in oldest {
            self.oldest[partition.number] = min(self.oldest[partition.number] ?? time, time)
            if !owned.contains(partition) { self.oldestUnowned = min(self.oldestUnowned ?? time, time) }
        }
    }

    /// `time`, or earlier: what was journaled before it belongs to no unsettled message.
    public func bounded(_ time: Timestamp) -> Timestamp {
        guard let oldest = self.oldestUnowned?.advanced(by: .zero - Self.margin) else { return time }
        return min(time, oldest)
    }

    /// Whether the conversation may have an unsettled message that came before `time`.
    public func mayHoldSomething(of conversation: Conversation.ID, before time: Timestamp) -> Bool {
        guard let oldest = self.oldest[conversation.partitionNumber(of: self.partitionCount)] else { return false }
        return oldest < time
    }
}
