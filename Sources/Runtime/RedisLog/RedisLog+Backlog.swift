public import CardumeCore

extension RedisLog: BacklogReader {
    public func backlog(of queue: QueueID) async throws(StoreError) -> [PartitionBacklog] {
        var commands: [(RedisCommand, RedisSlot)] = []
        for number in 0..<self.partitionCount {
            let (key, slot) = (self.keys.log(Partition.ID(queue, number: number)), self.keys.slot(of: number))
            commands.append((RedisCommand("XLEN", key), slot))
            commands.append((RedisCommand("XRANGE", key, "-", "+", "COUNT", "1"), slot))
        }
        let replies = try await self.lane(0).send(commands)
        return (0..<self.partitionCount).compactMap { number in
            var entries = replies[2 * number + 1].root.array.makeIterator()
            guard let entry = entries.next().flatMap(RedisLogEntry.decode) else { return nil }
            // A stream's id begins with the time at which the entry was appended.
            return PartitionBacklog(
                number: number, depth: replies[2 * number].root.integer ?? 0,
                oldestAt: Timestamp(milliseconds: Int64(clamping: entry.offset.major)),
                oldestConversation: entry.message.conversation)
        }
    }
}
