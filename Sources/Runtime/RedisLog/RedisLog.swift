public import CardumeCore
package import NIOCore
import Synchronization

/// The cluster deployment's log: one Redis stream for each (assistant, partition).
///
/// A stream holds exactly what is unsettled: it is read from a cursor, which changes nothing, settled by id, and never trimmed.
/// Work is spread over lanes, one per event loop, by partition number, so that an owner on the same loop needs no other thread.
public final class RedisLog: Sendable {
    public struct Settings: Sendable {
        /// What all keys begin with. Without braces. Defaults to `cardume`.
        public var prefix = "cardume"
        /// Fixed by whoever is first. Defaults to 64.
        public var partitionCount = Partition.defaultCount
        /// How long a message id is remembered. Defaults to 24 h.
        public var dedupeWindow: Duration = .seconds(24 * 3600)
        /// How long a silent conversation stays with its assistant. Defaults to 24 h.
        public var session: Duration = .seconds(24 * 3600)
        /// Those that somebody serves. A conversation that another one holds is routed anew once nothing of it is unsettled.
        public var queues: [QueueID]

        public init(queues: [QueueID]) {
            self.queues = queues
        }
    }

    let settings: Settings
    let keys: RedisLogKeys
    private let lanes: [RedisLogLane]
    private let incarnation = RedisLogIncarnation()

    public var partitionCount: Int { self.settings.partitionCount }

    /// - Parameter eventLoops: at least one; those of the shards, in their order.
    package init(
        settings: Settings, connector: RedisConnector, eventLoops: [any EventLoop],
        report: @escaping @Sendable (RedisLink.Event) -> Void = { _ in }
    ) {
        precondition(!settings.prefix.contains { $0 == "{" || $0 == "}" }, "braces in a prefix would be taken for the hash tag")
        let keys = RedisLogKeys(prefix: settings.prefix)
        self.settings = settings
        self.keys = keys
        self.lanes = eventLoops.map {
            RedisLogLane(client: RedisClient(connector: connector, on: $0, report: report), keys: keys)
        }
    }

    /// Keeps all connections until the task is cancelled. Called once.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for lane in self.lanes { group.addTask { await lane.run() } }
        }
    }

    /// Waits for the connections, and refuses servers that would lose messages and logs of another shape. Somebody has to
    /// ``run()`` the log.
    ///
    /// - Returns: what an operator should know.
    package func start() async throws(StoreError) -> [String] {
        do throws(RedisError) {
            for lane in self.lanes { try await lane.client.connected() }
            let reports = try await self.lanes[0].client.checkServer()
            try await self.fixPartitionCount()
            return reports.flatMap(\.warnings)
        } catch {
            throw StoreError(redis: error)
        }
    }

    private func fixPartitionCount() async throws(RedisError) {
        try await self.setPartitionCount()
        let key = self.keys.partitionCount
        let reply = try await self.lanes[0].client.send(RedisCommand("GET", key), slot: RedisSlot(key: key))
        let existing = reply.root.string ?? ""
        guard existing == String(self.partitionCount) else {
            throw RedisError(
                .unsuitable,
                "the log \"\(self.settings.prefix)\" was created with \(existing) partitions, the configuration says \(self.partitionCount)"
            )
        }
    }

    private func setPartitionCount() async throws(RedisError) {
        let key = self.keys.partitionCount
        let command = RedisCommand("SET", key, String(self.partitionCount), "NX")
        _ = try await self.lanes[0].client.send(command, slot: RedisSlot(key: key))
    }

    /// Names this life of the log: another one after everything was deleted. In a Redis Cluster, that is seen of one node only.
    private func birth() async throws(RedisError) -> String? {
        let (key, slot) = (self.keys.birth, RedisSlot(key: self.keys.birth))
        let name = String(UInt64.random(in: .min ... .max), radix: 16)
        // Refused when memory is full, which is no harm.
        _ = try? await self.lanes[0].client.send(RedisCommand("SET", key, name, "NX"), slot: slot)
        return try await self.lanes[0].client.send(RedisCommand("GET", key), slot: slot).root.string
    }

    func lane(_ number: Int) -> RedisLogLane { self.lanes[number % self.lanes.count] }
}

extension RedisLog: PartitionLog {
    /// More than one: what is not a message stays where it is, and is not waited for.
    private static let peekLimit = 4

    public func open(_ fence: Fence) async throws(StoreError) -> LogOpening {
        var command = RedisLogScripts.open.command(keys: 4)
        command.append(self.keys.log(fence.partition))
        command.append(self.keys.fence(fence.partition))
        command.append(self.keys.timerTimes(fence.partition))
        command.append(self.keys.drains(fence.partition))
        command.append(fence.epoch.rawValue)
        let reply = try await self.lane(fence.partition.number).run(RedisLogScripts.open, command, fence.partition.number)
        var values = reply.root.array.makeIterator()
        guard let offset = values.next()?.offset else { throw StoreError(fenced: fence) }
        let nextTimer = values.next().flatMap(Self.time)
        var drains: [LogEntry] = []
        while let entry = values.next() { drains += [RedisLogEntry.decode(entry)].compactMap(\.self) }
        return LogOpening(latest: offset, nextTimer: nextTimer, drains: drains.sorted { $0.offset < $1.offset })
    }

    public func next(
        _ partition: Partition.ID, after offset: LogOffset, limit: Int
    ) async throws(StoreError) -> [LogEntry] {
        try await self.lane(partition.number).next(partition, after: offset, limit: limit)
    }

    public func read(_ partition: Partition.ID, at offsets: [LogOffset]) async throws(StoreError) -> [LogEntry] {
        try await self.lane(partition.number).read(partition, at: offsets)
    }

    public func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError) {
        let lane = self.lane(fence.partition.number)
        // Lua's `unpack` takes some 8000 values.
        for start in stride(from: 0, to: offsets.count, by: 1_000) {
            let batch = offsets[start..<min(start + 1_000, offsets.count)]
            var command = RedisLogScripts.settle.command(keys: 2)
            command.append(bytes: lane.logKey(fence.partition))
            command.append(self.keys.fence(fence.partition))
            command.append(fence.epoch.rawValue)
            for offset in batch { command.append(offset) }
            let reply = try await lane.run(RedisLogScripts.settle, command, fence.partition.number)
            guard reply.root.integer != -1 else { throw StoreError(fenced: fence) }
        }
    }

    public func depth(of partition: Partition.ID) async throws(StoreError) -> Int {
        let command = RedisCommand("XLEN", self.keys.log(partition))
        return try await self.lane(partition.number).send(command, partition.number).root.integer ?? 0
    }

    public func depths() async throws(StoreError) -> [QueueID: Int] {
        let queues = self.settings.queues
        var commands: [(RedisCommand, RedisSlot)] = []
        commands.reserveCapacity(self.partitionCount * queues.count)
        for number in 0..<self.partitionCount {
            let slot = self.keys.slot(of: number)
            for queue in queues {
                commands.append((RedisCommand("XLEN", self.keys.log(Partition.ID(queue, number: number))), slot))
            }
        }
        var depths: [QueueID: Int] = [:]
        for (index, result) in try await self.lane(0).send(commands).enumerated() {
            depths[queues[index % queues.count], default: 0] += result.root.integer ?? 0
        }
        return depths
    }

    public func peek(_ cursors: [Partition.ID: LogOffset]) async throws(StoreError) -> [Partition.ID: Timestamp] {
        let partitions = cursors.sorted { $0.key < $1.key }
        guard !partitions.isEmpty else { return [:] }
        let commands = partitions.map { partition, offset in
            var command = RedisCommand("XRANGE", self.keys.log(partition))
            command.append("(\(offset)")
            command.append("+")
            command.append("COUNT")
            command.append(Self.peekLimit)
            return (command, self.keys.slot(of: partition.number))
        }
        var times: [Partition.ID: Timestamp] = [:]
        for (index, reply) in try await self.lane(0).send(commands).enumerated() {
            times[partitions[index].key] = RedisLogRead(reply.root).entries.first?.message.receivedAt
        }
        return times
    }

    public func announce(
        _ notice: LogNotice, of conversation: Conversation.ID, to queues: [QueueID]
    ) async throws(StoreError) {
        let number = conversation.partitionNumber(of: self.partitionCount)
        let message = InboundMessage(notice, of: conversation)
        let more = try RedisLogEntry.json(message.details)
        for queue in queues {
            var command = RedisCommand("XADD", self.keys.log(Partition.ID(queue, number: number)), "*")
            RedisLogEntry.appendFields(message, more: more, to: &command)
            _ = try await self.lane(number).send(command, number)
        }
    }

    public func check() async throws(StoreError) -> Int {
        do throws(RedisError) {
            for lane in self.lanes { try await lane.client.ping() }
            // Gone after a flush, and producers in other languages need it. Refused when memory is full, which is no harm.
            _ = try? await self.setPartitionCount()
            return try await self.incarnation.look(through: self.lanes[0].client, birth: try? await self.birth())
        } catch {
            throw StoreError(redis: error)
        }
    }
}

extension StoreError {
    init(fenced fence: Fence) {
        self.init(.fenced, "\(fence.partition) has a later owner than that of epoch \(fence.epoch.rawValue)")
    }
}

extension RedisCommand {
    mutating func append(_ offset: LogOffset) {
        self.append(offset.description)
    }
}
