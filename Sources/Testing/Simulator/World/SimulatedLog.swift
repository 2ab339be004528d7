import CardumeCore

/// A process's way to the log.
struct SimulatedLog: PartitionLog {
    let link: StoreLink

    private var store: MemoryStore { self.link.world.store }
    private var server: LogServer { self.link.world.log }

    var partitionCount: Int { self.store.partitionCount }

    func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
        let world = self.link.world
        return try await self.link.call("append") {
            if world.without.contains(.dedupe) {
                for append in messages { world.store.forget(seen: append.message) }
            }
            let outcomes = try await world.store.append(messages)
            for (append, outcome) in zip(messages, outcomes) { world.oracle.appended(append.message, outcome) }
            return outcomes
        }
    }

    func announce(
        _ notice: LogNotice, of conversation: Conversation.ID, to queues: [QueueID]
    ) async throws(StoreError) {
        let store = self.store
        try await self.link.call("announce \(notice.rawValue)") {
            try await store.announce(notice, of: conversation, to: queues)
        }
    }

    func open(_ fence: Fence) async throws(StoreError) -> LogOpening {
        let (store, server) = (self.store, self.server)
        return try await self.link.call("open \(fence.partition)") { try await store.open(try server.admit(fence)) }
    }

    func next(_ partition: Partition.ID, after offset: LogOffset, limit: Int) async throws(StoreError) -> [LogEntry] {
        let (store, server) = (self.store, self.server)
        while !Task.isCancelled {
            let entries = try await self.link.call("next \(partition)") {
                store.entries(in: partition, after: offset, limit: limit)
            }
            if !entries.isEmpty { return self.unheld(entries) }
            await self.link.party.wait(ifGone: (), ifCancelled: ()) { server.waits($0, for: partition, after: offset) }
        }
        return []
    }

    func read(_ partition: Partition.ID, at offsets: [LogOffset]) async throws(StoreError) -> [LogEntry] {
        let store = self.store
        self.link.world.oracle.reached(.readAgain)
        return self.unheld(
            try await self.link.call("read \(partition)") { try await store.read(partition, at: offsets) })
    }

    private func unheld(_ entries: [LogEntry]) -> [LogEntry] {
        guard self.link.world.without.contains(.transferHold) else { return entries }
        return entries.filter { $0.message.notice != .hold }
    }

    func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError) {
        let (store, server) = (self.store, self.server)
        try await self.link.call("settle \(fence.partition)") { try await store.settle(offsets, try server.admit(fence)) }
    }

    func transfer(_ transfer: LogTransfer) async throws(StoreError) -> TransferOutcome {
        let (store, server, oracle) = (self.store, self.server, self.link.world.oracle)
        return try await self.link.call("transfer \(transfer.conversation)") {
            var transfer = transfer
            if let fence = transfer.turn?.fence { transfer.turn?.fence = try server.admit(fence) }
            let outcome = try await store.transfer(transfer)
            oracle.transferred(transfer.conversation, byTurn: transfer.turn != nil)
            return outcome
        }
    }

    func move(_ offsets: [LogOffset], along drain: LogDrain, _ fence: Fence) async throws(StoreError) {
        let (store, server, oracle) = (self.store, self.server, self.link.world.oracle)
        try await self.link.call("move to \(drain.queue)") {
            try await store.move(offsets, along: drain, try server.admit(fence))
            oracle.moved()
        }
    }

    func set(_ timers: [ConversationTimer], _ fence: Fence) async throws(StoreError) {
        let (store, server) = (self.store, self.server)
        try await self.link.call("set timers") { try await store.set(timers, try server.admit(fence)) }
    }

    func fire(dueBy now: Timestamp, _ fence: Fence) async throws(StoreError) -> Timestamp? {
        let (store, server, oracle) = (self.store, self.server, self.link.world.oracle)
        return try await self.link.call("fire timers") {
            oracle.reached(.timerFired)
            return try await store.fire(dueBy: now, try server.admit(fence))
        }
    }

    func end(_ sessions: [SessionEnd], _ fence: Fence) async throws(StoreError) {
        let (store, server) = (self.store, self.server)
        try await self.link.call("end sessions") { try await store.end(sessions, try server.admit(fence)) }
    }

    func whereabouts(of conversation: Conversation.ID) async throws(StoreError) -> ConversationWhereabouts? {
        let store = self.store
        return try await self.link.call("whereabouts") { try await store.whereabouts(of: conversation) }
    }

    func depth(of partition: Partition.ID) async throws(StoreError) -> Int {
        let store = self.store
        return try await self.link.call("depth") { try await store.depth(of: partition) }
    }

    func depths() async throws(StoreError) -> [QueueID: Int] {
        let store = self.store
        return try await self.link.call("depths") { try await store.depths() }
    }

    func peek(_ cursors: [Partition.ID: LogOffset]) async throws(StoreError) -> [Partition.ID: Timestamp] {
        let store = self.store
        return try await self.link.call("peek") { try await store.peek(cursors) }
    }

    func check() async throws(StoreError) -> Int {
        let store = self.store
        return try await self.link.call("check") { try await store.check() }
    }
}
