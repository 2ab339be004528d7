public import CardumeCore

/// A log that hands every call on to another one. Who conforms says of the calls that interest them what else is to happen.
public protocol ForwardingLog: PartitionLog {
    var log: any PartitionLog { get }
}

extension ForwardingLog {
    public var partitionCount: Int { self.log.partitionCount }

    public func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
        try await self.log.append(messages)
    }

    public func announce(
        _ notice: LogNotice, of conversation: Conversation.ID, to queues: [QueueID]
    ) async throws(StoreError) {
        try await self.log.announce(notice, of: conversation, to: queues)
    }

    public func open(_ fence: Fence) async throws(StoreError) -> LogOpening { try await self.log.open(fence) }

    public func next(
        _ partition: Partition.ID, after offset: LogOffset, limit: Int
    ) async throws(StoreError) -> [LogEntry] {
        try await self.log.next(partition, after: offset, limit: limit)
    }

    public func read(_ partition: Partition.ID, at offsets: [LogOffset]) async throws(StoreError) -> [LogEntry] {
        try await self.log.read(partition, at: offsets)
    }

    public func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError) {
        try await self.log.settle(offsets, fence)
    }

    public func transfer(_ transfer: LogTransfer) async throws(StoreError) -> TransferOutcome {
        try await self.log.transfer(transfer)
    }

    public func move(
        _ offsets: [LogOffset], along drain: LogDrain, _ fence: Fence
    ) async throws(StoreError) {
        try await self.log.move(offsets, along: drain, fence)
    }

    public func set(_ timers: [ConversationTimer], _ fence: Fence) async throws(StoreError) {
        try await self.log.set(timers, fence)
    }

    public func fire(dueBy now: Timestamp, _ fence: Fence) async throws(StoreError) -> Timestamp? {
        try await self.log.fire(dueBy: now, fence)
    }

    public func end(_ sessions: [SessionEnd], _ fence: Fence) async throws(StoreError) {
        try await self.log.end(sessions, fence)
    }

    public func whereabouts(of conversation: Conversation.ID) async throws(StoreError) -> ConversationWhereabouts? {
        try await self.log.whereabouts(of: conversation)
    }

    public func depth(of partition: Partition.ID) async throws(StoreError) -> Int { try await self.log.depth(of: partition) }

    public func depths() async throws(StoreError) -> [QueueID: Int] { try await self.log.depths() }

    public func peek(_ cursors: [Partition.ID: LogOffset]) async throws(StoreError) -> [Partition.ID: Timestamp] {
        try await self.log.peek(cursors)
    }

    public func check() async throws(StoreError) -> Int { try await self.log.check() }
}
