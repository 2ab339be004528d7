public import CardumeCore
import GRDB

extension SQLiteStore: BacklogReader {
    public func backlog(of queue: QueueID) async throws(StoreError) -> [PartitionBacklog] {
        guard let first = self.lane(Partition.ID(queue, number: 0)) else { return [] }
        return try await self.reading { db in
            // With a lone min(), the other columns are those of its row.
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT lane & 65535, count(*), min(id), received_at, conversation FROM queue
                    WHERE lane BETWEEN ? AND ? GROUP BY lane ORDER BY lane
                    """, arguments: [first, first | 0xFFFF])
            return rows.map { row in
                PartitionBacklog(
                    number: row[0], depth: row[1], oldestAt: Timestamp(milliseconds: row[3]),
                    oldestConversation: Conversation.ID(row[4] as String))
            }
        }
    }
}
