import CardumeCore

extension PartitionActor {
    /// A drain was read, or appended by a turn of this partition; known twice, it counts once.
    func drains(_ conversation: Conversation.ID, along drain: LogDrain, at offset: LogOffset) {
        var known = self.drains[conversation] ?? []
        guard !known.contains(where: { $0.offset == offset }) else { return }
        known.append((offset, drain))
        self.drains[conversation] = known.sorted { $0.offset < $1.offset }
        self.actor(of: conversation)?.assumeIsolated { $0.reconsider() }
    }

    /// The drain at `offset` has been moved over, after all that stood before it.
    func drained(_ conversation: Conversation.ID, at offset: LogOffset) {
        self.drains[conversation]?.removeAll { $0.offset == offset }
        if self.drains[conversation]?.isEmpty == true { self.drains[conversation] = nil }
    }
}

/// Between assistants: what a conversation still holds when it has gone to another one follows it there, in order.
extension ConversationActor {
    /// What becomes of an item that is not to be run here.
    enum WayOut {
        /// All is there that comes for the hold at this offset.
        case release(LogOffset)
        /// To where the conversation has gone.
        case move(LogDrain)
    }

    /// Whether what has not begun follows the conversation to another assistant.
    var isLeaving: Bool { self.tell { !$0.drains.isEmpty && $0.drains[self.id] != nil } }

    /// - Returns: `nil` for an item that is to be run here.
    func wayOut(of item: ConversationMachine.Item) -> WayOut? {
        switch item.entry.message.notice {
        case .release(let hold):
            return .release(hold)
        case .drain(let drain):
            return .move(drain)
        case .lift, .park, .hold, nil:
            let next = self.tell { $0.drains.isEmpty ? nil : $0.drains[self.id]?.first }
            return next.flatMap { item.mayBeMoved ? .move($0.drain) : nil }
        }
    }

    func passOn(_ item: ConversationMachine.Item, _ way: WayOut) async throws {
        switch way {
        case .release(let hold):
            self.settleRelease(of: hold)
        case .move(let drain):
            try await self.move(item.entry, along: drain)
            if item.entry.isDrain { self.tell { $0.drained(self.id, at: item.entry.offset) } }
        }
    }

    /// Gives the conversation away, at the end of the turn of `entry`.
    ///
    /// - Parameter isAnswered: otherwise the other queue answers the message, and those that the turn had taken together with it
    ///   follow it there one by one.
    func transfer(_ entry: LogEntry, to queue: QueueID, isAnswered: Bool) async throws {
        if !isAnswered { self.machine.separate() }
        let turn = LogTransfer.Turn(entry: entry, fence: self.fence, isAnswered: isAnswered)
        let transfer = LogTransfer(of: self.id, to: queue, after: turn, at: self.environment.clock.wallTime)
        let outcome = try await self.inSpan("transfer \(queue)") {
            try await self.untilAvailable { try await self.environment.log.transfer(transfer) }
        }
        switch outcome {
        case .draining(let drain, let offset):
            self.report(.conversationTransferred(self.id, to: queue))
            self.tell { $0.drains(self.id, along: drain, at: offset) }
        case .overtaken(let drain, let offset):
            self.tell { $0.drains(self.id, along: drain, at: offset) }
            // Not where this turn wanted it, but where the conversation has gone.
            if !isAnswered { return try await self.move(entry, along: drain) }
        case .assigned, .unchanged:
            break
        }
        if isAnswered { self.report(.finished(entry.message)) }
        let isLast = self.letGo()
        // The others that the turn has answered are only settled: what the transfer rests on is the first.
        if !isLast { self.settleTurn(isAnswered: false) }
    }

    private func move(_ entry: LogEntry, along drain: LogDrain) async throws {
        try await self.untilAvailable {
            try await self.environment.log.move([entry.offset], along: drain, self.fence)
        }
        self.letGo()
    }

    /// The head is in another log now. Should the conversation come back, others have spoken in it.
    ///
    /// - Returns: whether nothing of its turn is left.
    @discardableResult
    private func letGo() -> Bool {
        self.context = nil
        let (entry, isLast) = self.machine.finished()
        self.tell { $0.left(entry.message.conversation) }
        return isLast
    }

    /// The former assistant has moved everything over. Hold and release leave the log together.
    private func settleRelease(of hold: LogOffset) {
        let (entry, _) = self.machine.finished()
        self.tell { partition in
            partition.settle(entry.offset, with: hold)
            partition.window.holdEnded(self.id, at: hold)
            partition.left(self.id)
        }
    }
}

extension ConversationMachine.Item {
    /// Whether nobody has answered it yet.
    fileprivate var mayBeMoved: Bool {
        switch self.standing {
        case .fresh, .suspect: true
        case .committed, .answered, .deadLetter: false
        }
    }
}
