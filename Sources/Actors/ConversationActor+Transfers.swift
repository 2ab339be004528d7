import CardumeCore

/// A conversation that has gone to another assistant, of which this partition still holds something.
struct ConversationDrain: Sendable {
    let assistant: AssistantID
    /// Where its ``LogNotice/drain(to:)`` stands: what comes before it follows the conversation.
    let offset: LogOffset
}

extension PartitionActor {
    /// A drain was read, or appended by a turn of this partition; known twice, it counts once.
    func drains(_ conversation: Conversation.ID, to assistant: AssistantID, at offset: LogOffset) {
        guard !(self.drains[conversation]?.contains { $0.offset == offset } ?? false) else { return }
        self.drains[conversation, default: []].append(ConversationDrain(assistant: assistant, offset: offset))
    }

    /// The drain at `offset` is done.
    func drained(_ conversation: Conversation.ID, at offset: LogOffset) {
        self.drains[conversation]?.removeAll { $0.offset == offset }
        if self.drains[conversation]?.isEmpty == true { self.drains[conversation] = nil }
    }

    /// The conversation's former assistant has moved everything over.
    func holdEnded(_ conversation: Conversation.ID) {
        if let hold = self.window.holdEnded(conversation) { self.settle(hold) }
    }
}

/// Between assistants: what a conversation still holds when it has gone to another one follows it there, in order.
extension ConversationActor {
    /// Deals with an item that is not to be run here.
    ///
    /// - Returns: `false` for one that is.
    func passOn(_ item: ConversationMachine.Item) async throws -> Bool {
        switch item.entry.message.details.notice {
        case .release:
            self.tell { $0.holdEnded(self.id) }
            self.settleNotice()
            return true
        case .drain(let assistant):
            try await self.move(item.entry, to: assistant)
            self.tell { $0.drained(self.id, at: item.entry.offset) }
            return true
        case .lift, .hold, nil:
            guard item.mayBeMoved, let drain = self.tell({ $0.drains[self.id]?.first }) else { return false }
            try await self.move(item.entry, to: drain.assistant)
            return true
        }
    }

    /// Gives the conversation away, at the end of the turn of `entry`.
    ///
    /// - Parameter isAnswered: otherwise the other assistant answers the message.
    func transfer(_ entry: LogEntry, to assistant: AssistantID, isAnswered: Bool) async throws {
        let turn = LogTransfer.Turn(entry: entry, fence: self.fence, isAnswered: isAnswered)
        let transfer = LogTransfer(of: self.id, to: assistant, after: turn, at: self.environment.clock.wallTime)
        let outcome = try await self.environment.untilAvailable { try await self.environment.log.transfer(transfer) }
        switch outcome {
        case .draining(let offset):
            self.report(.conversationTransferred(self.id, to: assistant))
            self.tell { $0.drains(self.id, to: assistant, at: offset) }
        case .overtaken(let other) where !isAnswered:
            return try await self.move(entry, to: other)
        case .overtaken, .assigned, .unchanged:
            break
        }
        if isAnswered { self.report(.finished(entry.message)) }
        self.letGo()
    }

    private func move(_ entry: LogEntry, to assistant: AssistantID) async throws {
        try await self.environment.untilAvailable {
            try await self.environment.log.move([entry.offset], of: self.id, to: assistant, self.fence)
        }
        self.letGo()
    }

    /// The head is in another log now. Should the conversation come back, others have spoken in it.
    private func letGo() {
        self.context = nil
        let entry = self.machine.finished()
        self.tell { $0.left(entry.message.conversation) }
    }

    private func settleNotice() {
        let entry = self.machine.finished()
        self.tell { $0.finished(entry, isAnswered: false) }
    }
}

extension ConversationMachine.Item {
    /// Whether nobody has answered it yet.
    fileprivate var mayBeMoved: Bool {
        switch self.standing {
        case .fresh, .suspect: true
        case .committed, .deadLetter: false
        }
    }
}
