public import CardumeCore

extension RedisLog {
    /// Messages of one call of the script: bounds how long it keeps the server from others.
    private static let batch = 64

    /// Not atomic over several partitions: when it throws, some may have been appended. Repeating the call appends the rest.
    public func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
        if messages.count == 1 { return try await self.append(messages, number: self.number(of: messages[0])) }
        let groups = Dictionary(grouping: messages.indices) { self.number(of: messages[$0]) }
        var outcomes = [AppendOutcome](repeating: .duplicate, count: messages.count)
        do {
            // Within a partition one after the other: order matters there.
            try await withThrowingTaskGroup(of: [(Int, AppendOutcome)].self) { group in
                for (number, indices) in groups {
                    group.addTask {
                        var results: [(Int, AppendOutcome)] = []
                        for start in stride(from: 0, to: indices.count, by: Self.batch) {
                            let slice = indices[start..<min(start + Self.batch, indices.count)]
                            results += zip(slice, try await self.append(slice.map { messages[$0] }, number: number))
                        }
                        return results
                    }
                }
                for try await results in group {
                    for (index, outcome) in results { outcomes[index] = outcome }
                }
            }
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(.unavailable, "interrupted while messages were being appended")
        }
        return outcomes
    }

    private func number(of append: LogAppend) -> Int {
        append.message.conversation.partitionNumber(of: self.partitionCount)
    }

    /// Messages of one partition.
    private func append(_ messages: [LogAppend], number: Int) async throws(StoreError) -> [AppendOutcome] {
        var queues = self.settings.queues
        for append in messages where !queues.contains(append.route.queue) { queues.append(append.route.queue) }
        var outcomes = [AppendOutcome](repeating: .duplicate, count: messages.count)
        var open = Array(messages.indices)
        while !open.isEmpty {
            let command = try self.command(for: open.map { messages[$0] }, queues, number: number)
            let reply = try await self.lane(number).run(RedisLogScripts.append, command, number)
            var values = reply.root.array.makeIterator()
            var refused: [Int] = []
            for index in open {
                guard let assistant = values.next()?.integer, let value = values.next() else {
                    throw StoreError(.incompatible, "the append script answered in a way that is not understood")
                }
                if assistant > 0, let offset = value.offset {
                    let partition = Partition.ID(queues[assistant - 1], number: number)
                    outcomes[index] = .appended(partition, offset)
                } else if assistant < 0, let holder = value.string {
                    // Held by one that was not named; so are all later messages of its conversation.
                    refused.append(index)
                    if !queues.contains(QueueID(holder)) { queues.append(QueueID(holder)) }
                }
            }
            open = refused
        }
        return outcomes
    }

    private func command(
        for messages: [LogAppend], _ queues: [QueueID], number: Int
    ) throws(StoreError) -> RedisCommand {
        var command = RedisLogScripts.append.command(keys: queues.count + 2 * messages.count)
        command.reserveCapacity(
            arguments: 8 + 2 * queues.count + 30 * messages.count,
            bytes: 128 + 64 * queues.count + 640 * messages.count)
        for queue in queues { command.append(self.keys.log(Partition.ID(queue, number: number))) }
        for append in messages {
            command.append(self.keys.seen(append.message, in: number))
            command.append(self.keys.holder(of: append.message.conversation, in: number))
        }
        command.append(queues.count)
        command.append(self.settings.queues.count)
        command.append(self.settings.dedupeWindow.milliseconds)
        command.append(self.settings.session.milliseconds)
        for queue in queues { command.append(queue.rawValue) }
        for append in messages {
            guard let route = queues.firstIndex(of: append.route.queue) else {
                preconditionFailure("\(append.route.queue): not named")
            }
            command.append(append.message.receivedAt.milliseconds)
            command.append(route + 1)
            command.append(append.route.isChosen ? "1" : "0")
            try RedisLogEntry.append(append.message, to: &command)
        }
        return command
    }
}
