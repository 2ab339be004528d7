public import CardumeCore

/// What every ``Journal`` promises. Run against an empty one.
public struct JournalConformance {
    private let journal: any Journal
    private let leases: any LeaseStore
    private let now = Timestamp(milliseconds: 1_795_176_000_000)

    /// - Parameter leases: those that `journal` checks fences against.
    public init(_ journal: any Journal, _ leases: any LeaseStore) {
        self.journal = journal
        self.leases = leases
    }

    /// - Throws: a ``ConformanceFailure`` at the first broken promise.
    public func run() async throws {
        let fence = try await Sample.claim(from: self.leases, for: "journal")
        try await self.recognisesRepeatedTurns(fence)
        try await self.recognisesMergedMessages(fence)
        try await self.keepsWhatWasDropped(fence)
        try await self.followsSends(fence)
        try await self.keepsContext(fence)
        try await self.holdsAndReleases(fence)
        try await self.countsCrashMarks(fence)
        try await self.fences(fence)
        try await self.leases.release([fence], of: "journal")
    }

    private func turn(_ message: InboundMessage, replies: [String]) -> TurnCommit {
        let intents = replies.enumerated().map { part, text in
            SendIntent(
                id: SendIntent.ID(conversation: message.conversation, turn: message.id, part: part),
                replyAddress: message.replyAddress, text: text, traceID: message.traceID,
                state: part == 0 ? .sending : .pending, attempts: part == 0 ? 1 : 0, attemptedAt: part == 0 ? self.now : nil,
                server: part == 0 ? "servidor-1" : nil)
        }
        return TurnCommit(
            turn: message.id, conversation: message.conversation, assistant: Sample.assistant, messages: [message],
            intents: intents, usage: TokenUsage(model: "m", prompt: 1, completion: 2), attempt: 1, startedAt: self.now,
            finishedAt: self.now)
    }

    private func standing(_ message: InboundMessage) async throws -> EntryStanding? {
        let offset = LogOffset(major: 1)
        return try await self.journal.standing(of: [LogEntry(offset: offset, message: message)])[offset]
    }

    private func recognisesRepeatedTurns(_ fence: Fence) async throws {
        let message = Sample.message("turn", from: "1")
        try expect(try await self.standing(message) == nil, "an unknown message has no standing")
        let turn = self.turn(message, replies: ["um\u{0}a", "dois"])
        try expect(try await self.journal.commit(.turn(turn), fence) == .committed, "a turn is committed once")
        let other = self.turn(message, replies: ["outra"])
        try expect(try await self.journal.commit(.turn(other), fence) == .duplicate, "and recognised again")
        try expect(
            try await self.standing(message) == .committed(turn.intents), "a repeated turn changes nothing")
        let given = Sample.message("given", from: "1")
        var transfer = self.turn(given, replies: ["um momento"])
        transfer.transfer = "financeiro"
        _ = try await self.journal.commit(.turn(transfer), fence)
        try expect(
            try await self.standing(given) == .committed(transfer.intents, transfer: "financeiro"),
            "where the conversation goes after a turn is kept")
    }

    private func recognisesMergedMessages(_ fence: Fence) async throws {
        let messages = (0..<3).map { Sample.message("merged-\($0)", from: "7", text: "parte \($0)") }
        _ = try await self.journal.commit(.crashMark(messages[2].conversation, messages[2].id), fence)
        var turn = self.turn(messages[0], replies: ["tudo"])
        turn.messages = messages
        try expect(try await self.journal.commit(.turn(turn), fence) == .committed, "a turn answers several messages")
        try expect(
            try await self.standing(messages[0]) == .committed(turn.intents), "its first message has the turn's intents")
        for message in messages[1...] {
            try expect(try await self.standing(message) == .merged(into: turn.turn), "the others name the turn")
            let alone = self.turn(message, replies: ["de novo"])
            try expect(try await self.journal.commit(.turn(alone), fence) == .duplicate, "and are not answered again")
        }
        try expect(
            try await self.journal.load(turn.conversation, contextMessages: 9).context.map(\.text)
                == ["parte 0", "parte 1", "parte 2", "tudo"], "all that was said is kept, in order")
        let newer = Sample.message("merged-3", from: "7")
        var grown = self.turn(messages[0], replies: ["outra"])
        grown.messages = messages + [newer]
        try expect(
            try await self.journal.commit(.turn(grown), fence) == .duplicate, "a repeated turn that has grown is recognised")
        try expect(try await self.standing(newer) == nil, "and its new message is still to be answered")
    }

    private func keepsWhatWasDropped(_ fence: Fence) async throws {
        let message = Sample.message("dropped", from: "8", text: "ainda?")
        var turn = self.turn(message, replies: ["tarde demais"])
        turn.intents[0].state = .dropped
        _ = try await self.journal.commit(.turn(turn), fence)
        try expect(try await self.standing(message) == .committed(turn.intents), "what was dropped is kept")
        try expect(
            try await self.journal.load(message.conversation, contextMessages: 9).context.map(\.text) == ["ainda?"],
            "but was never said")
    }

    private func followsSends(_ fence: Fence) async throws {
        let message = Sample.message("send", from: "2")
        let turn = self.turn(message, replies: ["oi"])
        _ = try await self.journal.commit(.turn(turn), fence)
        try expect(try await self.standing(message) == .committed(turn.intents), "a send's server is kept with its turn")
        var intent = turn.intents[0]
        intent.server = "servidor-2"
        intent.state = .accepted
        intent.providerID = "3EB0"
        intent.ambiguousAttempts = 1
        intent.resends = 1
        intent.attempts = 2
        _ = try await self.journal.commit(.send(intent), fence)
        try expect(try await self.standing(message) == .committed([intent]), "a send's latest state is kept")
        try expect(
            try await self.journal.providerIDs(of: message.conversation) == ["3EB0"], "provider ids are found again")
    }

    private func keepsContext(_ fence: Fence) async throws {
        let contact = Sample.message("c-0", from: "3").conversation
        for index in 0..<5 {
            let message = Sample.message("c-\(index)", from: "3", text: "pergunta \(index)")
            _ = try await self.journal.commit(.turn(self.turn(message, replies: ["resposta \(index)"])), fence)
        }
        let snapshot = try await self.journal.load(contact, contextMessages: 4)
        let lines = (3...4).flatMap {
            [
                ContextMessage(role: .contact, text: "pergunta \($0)"),
                ContextMessage(role: .assistant, text: "resposta \($0)"),
            ]
        }
        try expect(snapshot.context == lines, "the latest messages come back, oldest first")
        var silence = Sample.message("timer:auto_close:1", from: "3", text: nil)
        silence.kind = .system
        silence.details.timer = ConversationTimer.Firing(
            rule: "auto_close", since: self.now, dueAt: self.now, contactWroteAt: self.now)
        var closing = self.turn(silence, replies: ["até logo"])
        closing.closesConversation = true
        _ = try await self.journal.commit(.turn(closing), fence)
        try expect(
            try await self.journal.load(contact, contextMessages: 4).context == [], "nothing comes back from before a closing")
        var next = self.turn(Sample.message("c-5", from: "3", text: "voltei"), replies: ["que bom"])
        next.messages[0].receivedAt = self.now.advanced(by: .seconds(1))
        next.finishedAt = self.now.advanced(by: .seconds(2))
        _ = try await self.journal.commit(.turn(next), fence)
        try expect(
            try await self.journal.load(contact, contextMessages: 4).context.map(\.text) == ["voltei", "que bom"],
            "what was said after it does")
    }

    private func holdsAndReleases(_ fence: Fence) async throws {
        let message = Sample.message("dead", from: "4")
        let letter = DeadLetter(
            message: message, assistant: Sample.assistant,
            failure: TurnFailure(category: .timeout, message: "late", isRetryable: true), attempts: 3, at: self.now,
            holdsConversation: true)
        _ = try await self.journal.commit(.deadLetter(letter), fence)
        _ = try await self.journal.commit(.deadLetter(letter), fence)
        try expect(try await self.standing(message) == .deadLetter, "a dead letter is known as one")
        try expect(
            try await self.journal.load(message.conversation, contextMessages: 1).isHeld, "its conversation is held")
        try await self.journal.lift(holdOn: message.conversation)
        try expect(
            try await !self.journal.load(message.conversation, contextMessages: 1).isHeld, "until it is released")
    }

    private func countsCrashMarks(_ fence: Fence) async throws {
        let message = Sample.message("mark", from: "5")
        for _ in 0..<2 { _ = try await self.journal.commit(.crashMark(message.conversation, message.id), fence) }
        try expect(try await self.standing(message) == .marked(2), "crash marks add up")
        _ = try await self.journal.commit(.turn(self.turn(message, replies: [])), fence)
        try expect(try await self.standing(message) == .committed([]), "a committed turn clears them")
    }

    private func fences(_ fence: Fence) async throws {
        let message = Sample.message("fence", from: "6")
        do {
            let turn = JournalRecord.turn(self.turn(message, replies: ["oi"]))
            _ = try await self.journal.commit(turn, fence.earlier)
            throw ConformanceFailure(description: "broken promise: a stale epoch commits nothing")
        } catch let error as StoreError {
            try expect(error.code == .fenced, "a stale owner is told that it is fenced")
        }
        try expect(try await self.standing(message) == nil, "a stale epoch wrote nothing")
    }
}
