public import CardumeCore

/// Conversations that go from one assistant's stream to another's. Both are in the same slot.
extension RedisLog {
    public func transfer(_ transfer: LogTransfer) async throws(StoreError) -> TransferOutcome {
        if let turn = transfer.turn {
            guard let outcome = try await self.transfer(transfer, from: turn.fence.partition.queue) else {
                throw StoreError(.incompatible, Self.notUnderstood)
            }
            return outcome
        }
        while true {
            let holder = try await self.holder(of: transfer.conversation)?.queue ?? transfer.queue
            // Unless it went to somebody else just now: from that one, then.
            if let outcome = try await self.transfer(transfer, from: holder) { return outcome }
        }
    }

    public func move(
        _ offsets: [LogOffset], along drain: LogDrain, _ fence: Fence
    ) async throws(StoreError) {
        let number = fence.partition.number
        var command = RedisLogScripts.move.command(keys: 4)
        command.append(self.keys.fence(fence.partition))
        command.append(self.keys.log(fence.partition))
        command.append(self.keys.log(Partition.ID(drain.queue, number: number)))
        command.append(self.keys.drains(fence.partition))
        command.append(fence.epoch.rawValue)
        command.append(drain.hold)
        for offset in offsets { command.append(offset) }
        let reply = try await self.lane(number).run(RedisLogScripts.move, command, number)
        guard reply.root.integer != -1 else { throw StoreError(fenced: fence) }
    }

    public func whereabouts(of conversation: Conversation.ID) async throws(StoreError) -> ConversationWhereabouts? {
        guard let (queue, last) = try await self.holder(of: conversation) else { return nil }
        guard !last.isEmpty else { return ConversationWhereabouts(queue: queue, hasUnsettled: false) }
        // A conversation's entries are settled in order: when its latest is gone, all are.
        let number = conversation.partitionNumber(of: self.partitionCount)
        let command = RedisCommand("XRANGE", self.keys.log(Partition.ID(queue, number: number)), last, last)
        let entries = try await self.lane(number).send(command, number)
        return ConversationWhereabouts(queue: queue, hasUnsettled: entries.root.array.count > 0)
    }

    private func holder(
        of conversation: Conversation.ID
    ) async throws(StoreError) -> (queue: QueueID, last: String)? {
        let number = conversation.partitionNumber(of: self.partitionCount)
        let command = RedisCommand("GET", self.keys.holder(of: conversation, in: number))
        let held = try await self.lane(number).send(command, number).root.string
        // `<chosen> <latest> <last entry> <assistant>`
        let parts = held?.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.flatMap { $0.count == 4 ? (QueueID(String($0[3])), String($0[2])) : nil }
    }

    private static let notUnderstood = "the transfer script answered in a way that is not understood"

    /// - Returns: `nil` when `old` does not have the conversation.
    private func transfer(_ transfer: LogTransfer, from old: QueueID) async throws(StoreError) -> TransferOutcome? {
        let number = transfer.conversation.partitionNumber(of: self.partitionCount)
        let from = Partition.ID(old, number: number)
        var command = RedisLogScripts.transfer.command(keys: 5)
        command.append(self.keys.fence(from))
        command.append(self.keys.log(from))
        command.append(self.keys.log(Partition.ID(transfer.queue, number: number)))
        command.append(self.keys.holder(of: transfer.conversation, in: number))
        command.append(self.keys.drains(from))
        command.append(transfer.turn.map { String($0.fence.epoch.rawValue) } ?? "")
        command.append(old.rawValue)
        command.append(transfer.queue.rawValue)
        command.append(transfer.at.milliseconds)
        command.append(self.holderLifetime)
        command.append(transfer.conversation.rawValue)
        command.append(transfer.turn?.entry.offset.description ?? "")
        command.append(transfer.turn?.isAnswered ?? true ? "1" : "0")
        command.append(self.settings.queues.contains(old) ? "1" : "0")
        if let turn = transfer.turn, !turn.isAnswered {
            // The script knows the hold and names it.
            var message = turn.entry.message.transferred(from: old, along: LogDrain(to: transfer.queue, hold: .start))
            message.details.movedTo = nil
            RedisLogEntry.appendFields(message, more: try RedisLogEntry.more(of: message), to: &command)
        }
        let reply = try await self.lane(number).run(RedisLogScripts.transfer, command, number)
        var values = reply.root.array.makeIterator()
        let (outcome, assistant) = (values.next()?.string, values.next()?.string)
        switch (outcome, values.next()?.offset, values.next()?.offset) {
        case ("draining", let hold?, let drain?):
            return .draining(LogDrain(to: transfer.queue, hold: hold), at: drain)
        case ("overtaken", let hold?, let drain?):
            return .overtaken(LogDrain(to: QueueID(assistant ?? ""), hold: hold), at: drain)
        case ("assigned", _, _): return .assigned
        case ("unchanged", _, _): return .unchanged
        case ("other", _, _): return nil
        case ("fenced", _, _): throw StoreError(.fenced, "\(from) has a later owner")
        default: throw StoreError(.incompatible, Self.notUnderstood)
        }
    }

    /// How long a conversation's holder is remembered, in milliseconds: a week longer than the session.
    var holderLifetime: Int64 { self.settings.session.milliseconds + 604_800_000 }
}
