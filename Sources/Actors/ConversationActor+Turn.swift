import CardumeCore

/// The turn: what is asked, and what is journaled of the answer.
extension ConversationActor {
    func turn(of messages: [InboundMessage], attempt: Int) -> Turn {
        Turn(
            assistant: self.settings.assistant, conversation: self.id, messages: messages,
            context: self.context ?? [], attempt: attempt,
            deadline: self.environment.timeLimit(self.settings.assistant.id).map { self.environment.clock.uptime + $0 }
        )
    }

    /// What a turn gave, journaled unless it only gives the conversation away.
    struct Answer {
        var intents: [SendIntent] = []
        var transfer: AssistantID?
        /// Journaled before this run.
        var isRepeated = false
        var isJournaled = true
    }

    /// Runs the turn and journals it.
    ///
    /// - Parameter isSuspect: whether to journal, once there is a slot, that its messages are about to run.
    /// - Throws: ``Supersession`` when the turn is to run again, with newer messages.
    func answer(_ entry: LogEntry, attempt: Int, isSuspect: Bool = false) async throws -> Answer {
        let message = entry.message
        // Forgotten when the conversation went to another assistant.
        if self.context == nil { try await self.loadIfNeeded() }
        let (turn, result, startedAt) = try await self.inSlot(for: message) {
            let others = self.machine.begin()
            if isSuspect { try await self.mark([entry] + others) }
            var turn = self.turn(
                of: others.isEmpty ? [message] : [message] + others.map(\.message), attempt: attempt)
            let startedAt = self.environment.clock.wallTime
            turn.startedAt = startedAt
            self.run = ConversationExplanation.Run(since: startedAt, attempt: attempt)
            self.traceTurn(turn, since: startedAt)
            let result =
                self.machine.isSupersedable
                ? try await self.respond(to: turn, since: startedAt) : try await self.ask(turn)
            return (turn, result, startedAt)
        }
        let history = self.history(after: result)
        let transfer = result.transfer == self.settings.assistant.id ? nil : result.transfer
        let now = self.environment.clock.wallTime
        let reply = try self.outgoing(result.replies, of: turn, since: startedAt, at: now)
        if transfer != nil, reply.intents.isEmpty {
            // The other assistant's turn is the messages'.
            return Answer(transfer: transfer, isJournaled: false)
        }
        let commit = TurnCommit(
            turn: turn.id, conversation: self.id, assistant: turn.assistant.id, messages: turn.messages,
            intents: reply.intents, usage: result.usage, attempt: attempt, startedAt: startedAt, finishedAt: now,
            closesConversation: turn.assistant.timers.rule(of: message)?.closes ?? false, transfer: transfer,
            efforts: history == self.history ? nil : history.efforts
        )
        let beginning: Timestamp? =
            if commit.closesConversation { try? await self.environment.journal.beginning(of: self.id) } else { nil }
        if try await self.commit(.turn(commit)) == .duplicate {
            // Journaled before, although this process was not told so: its replies count, not these.
            let standing = try await self.separate(entry)
            guard case .committed(let known, let transfer) = standing else { return Answer(isRepeated: true) }
            // Unless they are these, from the commit whose answer was lost: then nobody has sent them yet.
            guard known == reply.intents else { return Answer(intents: known, transfer: transfer, isRepeated: true) }
        }
        self.report(turn, reply, elapsed: now.elapsed(since: startedAt))
        if commit.closesConversation {
            let silence = commit.timer?.since ?? now
            self.report(.conversationClosed(self.id, lasted: beginning.map { silence.elapsed(since: $0) }))
        }
        // The turn shares the context; once it is no longer needed, the context grows in place.
        self.history = history
        if commit.closesConversation { self.context = [] } else { self.remember(commit.messages, reply.said) }
        return Answer(intents: reply.intents, transfer: transfer)
    }

    func remember(_ messages: [InboundMessage], _ replies: [Reply]) {
        let limit = self.settings.assistant.contextTurns * 2
        guard limit > 0 else { return }
        for index in messages.indices where messages[index].kind != .system {
            self.context?.append(ContextMessage(role: .contact, text: messages[index].contextText))
        }
        for reply in replies { self.context?.append(ContextMessage(role: .assistant, text: reply.text)) }
        if let count = self.context?.count, count > limit { self.context?.removeFirst(count - limit) }
    }
}
