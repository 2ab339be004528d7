import CardumeCore
import NIOCore
import Synchronization

/// The log as one event loop sees it.
///
/// An owner far behind its log's end reads by `XRANGE`; one at the end waits with all others in one blocking read.
final class RedisLogLane: Sendable {
    private struct State {
        /// Whose latest read gave as much as it asked for.
        var behind: Set<Partition.ID> = []
        var watchers: [Int: RedisLogWatcher] = [:]
        var logKeys: [Partition.ID: [UInt8]] = [:]
    }

    let client: RedisClient
    private let keys: RedisLogKeys
    private let isCluster: Bool
    private let slots: Mutex<[Int: RedisSlot]> = Mutex([:])
    private let state = Mutex(State())
    private let born = AsyncStream<RedisLogWatcher>.makeStream()

    init(client: RedisClient, keys: RedisLogKeys) {
        self.client = client
        self.keys = keys
        self.isCluster = client.connector.settings.isCluster
    }

    /// Keeps the connections until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.client.run() }
            for await watcher in self.born.stream {
                group.addTask { await watcher.run() }
            }
            group.cancelAll()
        }
    }

    // MARK: Commands

    func send(_ command: RedisCommand, _ number: Int) async throws(StoreError) -> RedisReply {
        do {
            return try await self.client.send(command, slot: self.slot(number))
        } catch {
            throw StoreError(redis: error)
        }
    }

    /// Commands for several partitions, each to where its slot is.
    func send(_ commands: [(RedisCommand, RedisSlot)]) async throws(StoreError) -> [RedisReply] {
        do {
            return try await self.client.send(commands)
        } catch {
            throw StoreError(redis: error)
        }
    }

    func run(_ script: RedisScript, _ command: RedisCommand, _ number: Int) async throws(StoreError) -> RedisReply {
        do {
            return try await self.client.run(script, command, slot: self.slot(number))
        } catch {
            throw StoreError(redis: error)
        }
    }

    private func slot(_ number: Int) -> RedisSlot {
        self.slots.withLock { slots in
            if let slot = slots[number] { return slot }
            let slot = self.keys.slot(of: number)
            slots[number] = slot
            return slot
        }
    }

    func logKey(_ partition: Partition.ID) -> [UInt8] {
        self.state.withLock { state in
            if let key = state.logKeys[partition] { return key }
            let key = Array(self.keys.log(partition).utf8)
            state.logKeys[partition] = key
            return key
        }
    }

    // MARK: Reading

    func next(
        _ partition: Partition.ID, after offset: LogOffset, limit: Int
    ) async throws(StoreError) -> [LogEntry] {
        var cursor = offset
        let isBehind = self.state.withLock { $0.behind.remove(partition) != nil }
        if isBehind || offset == .start {
            let read = try await self.range(partition, after: offset, limit: limit)
            if !read.entries.isEmpty { return self.delivered(read, of: partition, isFull: read.count == limit) }
            cursor = read.last ?? cursor
        }
        while !Task.isCancelled {
            let read = await self.watcher(for: partition).next(partition, after: cursor)
            if !read.entries.isEmpty {
                let isFull = read.count == RedisLogWatcher.readLimit || read.entries.count > limit
                return Array(self.delivered(read, of: partition, isFull: isFull).prefix(limit))
            }
            cursor = read.last ?? cursor
        }
        return []
    }

    private func delivered(_ read: RedisLogRead, of partition: Partition.ID, isFull: Bool) -> [LogEntry] {
        if isFull { self.state.withLock { _ = $0.behind.insert(partition) } }
        return read.entries
    }

    private func range(
        _ partition: Partition.ID, after offset: LogOffset, limit: Int
    ) async throws(StoreError) -> RedisLogRead {
        var command = RedisCommand("XRANGE")
        command.append(bytes: self.logKey(partition))
        command.append("(\(offset)")
        command.append("+")
        command.append("COUNT")
        command.append(limit)
        return RedisLogRead(try await self.send(command, partition.number).root)
    }

    func read(_ partition: Partition.ID, at offsets: [LogOffset]) async throws(StoreError) -> [LogEntry] {
        let wanted = Set(offsets)
        guard let first = offsets.first, let last = offsets.last else { return [] }
        // Usually neighbours, or nearly so: one command, if there is not too much in between.
        var command = RedisCommand("XRANGE")
        command.append(bytes: self.logKey(partition))
        command.append(first)
        command.append(last)
        command.append("COUNT")
        command.append(4 * offsets.count)
        let read = RedisLogRead(try await self.send(command, partition.number).root)
        var entries = read.entries.filter { wanted.contains($0.offset) }
        if read.count < 4 * offsets.count { return entries }
        for offset in offsets where offset > read.last ?? .start {
            entries += try await self.single(partition, at: offset)
        }
        return entries
    }

    private func single(_ partition: Partition.ID, at offset: LogOffset) async throws(StoreError) -> [LogEntry] {
        var command = RedisCommand("XRANGE")
        command.append(bytes: self.logKey(partition))
        command.append(offset)
        command.append(offset)
        return RedisLogRead(try await self.send(command, partition.number).root).entries
    }

    // MARK: Watchers

    /// A command may name keys of one slot only in a cluster: there each partition number has a watcher of its own.
    private func watcher(for partition: Partition.ID) -> RedisLogWatcher {
        let number = self.isCluster ? partition.number : 0
        let (watcher, isNew) = self.state.withLock { state in
            if let watcher = state.watchers[number] { return (watcher, false) }
            let watcher = RedisLogWatcher(
                client: self.client, slot: self.keys.slot(of: number), logKey: { [unowned self] in self.logKey($0) })
            state.watchers[number] = watcher
            return (watcher, true)
        }
        if isNew { self.born.continuation.yield(watcher) }
        return watcher
    }
}

/// What a read of a stream gave.
struct RedisLogRead {
    /// Those that are messages.
    var entries: [LogEntry] = []
    /// All of them.
    var count = 0
    var last: LogOffset?

    init() {}

    /// - Parameter value: an array of entries.
    init(_ value: RedisValue) {
        self.count = value.array.count
        self.entries.reserveCapacity(self.count)
        for item in value.array {
            if let entry = RedisLogEntry.decode(item) {
                self.entries.append(entry)
                self.last = entry.offset
            } else {
                // Not written by the append script. It stays where it is, counted in the depth.
                self.last = item.array.first { _ in true }?.offset ?? self.last
            }
        }
    }
}
