import CardumeCore
import NIOCore

/// Waits for new entries of many streams in one blocking read, on a connection of its own.
///
/// Lives on the event loop of those who wait. Whoever is served usually waits again before the next read is sent, so that
/// under light load a message costs one read and no more. Trouble with Redis only makes the wait longer; the link reports it.
actor RedisLogWatcher {
    private struct Wait {
        var after: LogOffset
        var continuation: CheckedContinuation<RedisLogRead, Never>
    }

    /// One stream of a read.
    private struct Watched {
        var partition: Partition.ID
        var key: [UInt8]
        var after: LogOffset
    }

    private enum Phase {
        /// Nobody waits.
        case resting(CheckedContinuation<Void, Never>)
        /// Between two reads.
        case preparing
        /// A read is under way; whoever comes now is not in it.
        case reading(isInterrupted: Bool)
    }

    /// Entries of one stream that a read returns at most; an owner with more before it reads by `XRANGE`.
    static let readLimit = 64
    /// How long one read waits. A reply that is later than this and two seconds more will never come: the link is given up.
    private static let block: Duration = .seconds(5)

    private nonisolated let client: RedisClient
    private nonisolated let slot: RedisSlot
    private nonisolated let logKey: @Sendable (Partition.ID) -> [UInt8]
    private var waits: [Partition.ID: Wait] = [:]
    private var phase = Phase.preparing
    private var link: RedisLink?

    nonisolated var unownedExecutor: UnownedSerialExecutor { self.client.eventLoop.executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - slot: of all streams, in a cluster.
    ///   - logKey: the name of a partition's stream.
    init(client: RedisClient, slot: RedisSlot, logKey: @escaping @Sendable (Partition.ID) -> [UInt8]) {
        self.client = client
        self.slot = slot
        self.logKey = logKey
    }

    /// Entries after `offset`, at most ``readLimit``, as soon as there is one; none when the task is cancelled or the watcher
    /// ends. One caller for a partition at a time.
    func next(_ partition: Partition.ID, after offset: LogOffset) async -> RedisLogRead {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(returning: RedisLogRead()) }
                precondition(self.waits[partition] == nil, "\(partition): somebody waits already")
                self.waits[partition] = Wait(after: offset, continuation: continuation)
                self.wake()
            }
        } onCancel: {
            self.client.eventLoop.execute { self.assumeIsolated { $0.cancelWait(for: partition) } }
        }
    }

    private func cancelWait(for partition: Partition.ID) {
        self.waits.removeValue(forKey: partition)?.continuation.resume(returning: RedisLogRead())
    }

    private func wake() {
        switch self.phase {
        case .resting(let continuation):
            self.phase = .preparing
            continuation.resume()
        case .reading(isInterrupted: false):
            self.phase = .reading(isInterrupted: true)
            Task { await self.interrupt() }
        case .preparing, .reading(isInterrupted: true): break
        }
    }

    /// Makes a read return that does not know of everybody who waits. Without the permission to do so, they wait until it
    /// returns by itself.
    private func interrupt() async {
        while case .reading(isInterrupted: true) = self.phase, let id = self.link?.clientID {
            do throws(RedisError) {
                let reply = try await self.client.send(RedisCommand("CLIENT", "UNBLOCK", String(id)), slot: self.slot)
                if reply.root.integer == 1 { return }
                // Over another connection, this came before the read: nobody was blocked yet.
                try? await ContinuousClock().sleep(for: .milliseconds(2))
            } catch {
                guard error.remedy == .reconnect || error.remedy == .retry else { return }
                await self.pause()
            }
        }
    }

    // MARK: The loop

    /// Reads until the task is cancelled. Called once.
    func run() async {
        while !Task.isCancelled {
            guard let node = self.client.node(of: self.slot) else {
                await self.pause()
                continue
            }
            let link = self.client.dedicatedLink(to: node)
            self.link = link
            await withDiscardingTaskGroup { group in
                group.addTask { await link.run() }
                while !Task.isCancelled, self.client.node(of: self.slot) == node { await self.readOnce(link) }
                link.close()
            }
        }
        for wait in self.waits.values { wait.continuation.resume(returning: RedisLogRead()) }
        self.waits = [:]
    }

    private func readOnce(_ link: RedisLink) async {
        await self.rest()
        // Those who have just been served come back within this turn of the event loop.
        await Task.yield()
        var watched: [Watched] = []
        defer { self.phase = .preparing }
        do throws(RedisError) {
            try await link.connected()
            guard !self.waits.isEmpty, !Task.isCancelled else { return }
            watched = self.waits.map { Watched(partition: $0.key, key: self.logKey($0.key), after: $0.value.after) }
            self.phase = .reading(isInterrupted: false)
            self.deliver(try await link.send(Self.command(watched), deadline: Self.block + .seconds(2)), watched)
        } catch {
            if error.remedy == .redirect || error.remedy == .reresolve, let stream = watched.first {
                // Lets the client find out who serves the slot now.
                var command = RedisCommand("EXISTS")
                command.append(bytes: stream.key)
                _ = try? await self.client.send(command, slot: self.slot)
            }
            await self.pause()
        }
    }

    private func rest() async {
        guard self.waits.isEmpty else { return }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { return continuation.resume() }
                self.phase = .resting(continuation)
            }
        } onCancel: {
            self.client.eventLoop.execute { self.assumeIsolated { $0.wake() } }
        }
    }

    private func pause() async {
        try? await ContinuousClock().sleep(for: .milliseconds(100))
    }

    private static func command(_ streams: [Watched]) -> RedisCommand {
        var command = RedisCommand("XREAD", "COUNT")
        command.reserveCapacity(arguments: 2 * streams.count + 6, bytes: 80 * streams.count + 64)
        command.append(self.readLimit)
        command.append("BLOCK")
        command.append(self.block.milliseconds)
        command.append("STREAMS")
        for stream in streams { command.append(bytes: stream.key) }
        for stream in streams { command.append(stream.after) }
        return command
    }

    /// Streams come in the order in which they were asked for, those without entries left out.
    private func deliver(_ reply: RedisReply, _ watched: [Watched]) {
        var remaining = watched[...]
        for stream in reply.root.array {
            var parts = stream.array.makeIterator()
            guard let name = parts.next(), let entries = parts.next() else { continue }
            let position = remaining.firstIndex { stream in name.withBytes { $0.elementsEqual(stream.key) } ?? false }
            guard let position else { continue }
            let (partition, after) = (remaining[position].partition, remaining[position].after)
            remaining = remaining[(position + 1)...]
            // Another owner may wait there by now, from another place.
            guard self.waits[partition]?.after == after else { continue }
            self.waits.removeValue(forKey: partition)?.continuation.resume(returning: RedisLogRead(entries))
        }
    }
}
