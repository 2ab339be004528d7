public import CardumeCore
import FoundationEssentials

/// The part of the log that waits for the clock: a sorted set of conversations by time, and a hash of their timers.
extension RedisLog {
    public func set(_ timers: [ConversationTimer], _ fence: Fence) async throws(StoreError) {
        for start in stride(from: 0, to: timers.count, by: 1_000) {
            let batch = timers[start..<min(start + 1_000, timers.count)]
            var command = RedisLogScripts.setTimers.command(keys: 3)
            command.append(self.keys.timerTimes(fence.partition))
            command.append(self.keys.timers(fence.partition))
            command.append(self.keys.fence(fence.partition))
            command.append(fence.epoch.rawValue)
            for timer in batch {
                command.append(timer.firing.dueAt.milliseconds)
                command.append(timer.conversation.rawValue)
                command.append(bytes: try RedisLogEntry.json(timer))
            }
            try await self.run(RedisLogScripts.setTimers, command, fence)
        }
    }

    public func fire(dueBy now: Timestamp, _ fence: Fence) async throws(StoreError) -> Timestamp? {
        let partition = fence.partition
        var range = RedisCommand(
            "ZRANGEBYSCORE", self.keys.timerTimes(partition), "-inf", String(now.milliseconds), "LIMIT", "0")
        range.append(LogOpening.firingLimit)
        let lane = self.lane(partition.number)
        let conversations = try await lane.send(range, partition.number).root.array.compactMap(\.string)
        var timers: [RedisValue] = []
        var read: RedisReply?
        if !conversations.isEmpty {
            var command = RedisCommand("HMGET", self.keys.timers(partition))
            for conversation in conversations { command.append(conversation) }
            read = try await lane.send(command, partition.number)
            timers = read.map { Array($0.root.array) } ?? []
        }
        var command = RedisLogScripts.fireTimers.command(keys: 4 + conversations.count)
        command.append(self.keys.log(partition))
        command.append(self.keys.fence(partition))
        command.append(self.keys.timerTimes(partition))
        command.append(self.keys.timers(partition))
        for conversation in conversations {
            command.append(self.keys.holder(of: Conversation.ID(conversation), in: partition.number))
        }
        command.append(fence.epoch.rawValue)
        command.append(partition.queue.rawValue)
        command.append(self.holderLifetime)
        for (conversation, value) in zip(conversations, timers) {
            let bytes = value.bytes ?? []
            let timer = try? JSONDecoder().decode(ConversationTimer.self, from: Data(bytes))
            command.append(conversation)
            command.append(bytes: bytes)
            command.append(timer?.firing.contactWroteAt.milliseconds ?? 0)
            if let message = timer?.message(at: now) {
                try RedisLogEntry.append(message, to: &command)
            } else {
                command.append(0)
            }
        }
        return Self.time(try await self.run(RedisLogScripts.fireTimers, command, fence).root)
    }

    public func end(_ sessions: [SessionEnd], _ fence: Fence) async throws(StoreError) {
        for start in stride(from: 0, to: sessions.count, by: 1_000) {
            let batch = sessions[start..<min(start + 1_000, sessions.count)]
            var command = RedisLogScripts.endSessions.command(keys: 1 + batch.count)
            command.append(self.keys.fence(fence.partition))
            for session in batch {
                command.append(self.keys.holder(of: session.conversation, in: fence.partition.number))
            }
            command.append(fence.epoch.rawValue)
            command.append(fence.partition.queue.rawValue)
            for session in batch { command.append(session.contactWroteAt.milliseconds) }
            try await self.run(RedisLogScripts.endSessions, command, fence)
        }
    }

    @discardableResult
    private func run(_ script: RedisScript, _ command: RedisCommand, _ fence: Fence) async throws(StoreError) -> RedisReply {
        let reply = try await self.lane(fence.partition.number).run(script, command, fence.partition.number)
        guard reply.root.integer != -1 else { throw StoreError(fenced: fence) }
        return reply
    }

    /// A score: milliseconds since 1970.
    static func time(_ value: RedisValue) -> Timestamp? {
        value.string.flatMap(Double.init).map { Timestamp(milliseconds: Int64($0)) }
    }
}
