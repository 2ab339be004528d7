import CardumeCore

/// The turn runs again, over newer messages, too. Not an attempt.
struct Supersession: Error {}

/// What becomes of what a handler says: whether it is still wanted, whether it comes late, in which parts it goes out.
extension ConversationActor {
    /// What a turn says to the contact.
    struct Outgoing {
        var intents: [SendIntent]
        /// What the contact will have read.
        var said: [Reply]
        /// How late it is and what is done about it; `nil` when it is in time.
        var late: (elapsed: Duration, action: TurnPolicy.Late.Action)?
    }

    /// Asks the handler, whose answer may come to be unwanted.
    ///
    /// - Throws: ``Supersession`` when a newer message has come meanwhile.
    func respond(to turn: Turn, since startedAt: Timestamp) async throws -> TurnResult {
        // It came while the turn's messages were being marked.
        if self.machine.isSuperseded { throw self.superseded(turn, since: startedAt) }
        let call = Task { try await self.ask(turn) }
        self.call = call
        defer { self.call = nil }
        let result = await withTaskCancellationHandler {
            await call.result
        } onCancel: {
            call.cancel()
        }
        // Whatever it says: whoever is cancelled may answer all the same, or fail.
        if self.machine.isSuperseded { throw self.superseded(turn, since: startedAt) }
        return try result.get()
    }

    func ask(_ turn: Turn) async throws -> TurnResult {
        do {
            return try await self.inTrace { try await self.environment.handler.respond(to: turn) }
        } catch let failure as TurnFailure {
            throw failure
        } catch let postponement as TurnPostponement {
            throw postponement
        } catch {
            // A handler that was interrupted may throw anything.
            try Task.checkCancellation()
            throw TurnFailure(category: .other, message: String(describing: error), isRetryable: true)
        }
    }

    private func superseded(_ turn: Turn, since startedAt: Timestamp) -> Supersession {
        self.report(.turnSuperseded(turn, elapsed: self.environment.clock.wallTime.elapsed(since: startedAt)))
        return Supersession()
    }

    /// Closes the turn to newer messages and decides how its replies go out.
    ///
    /// - Throws: ``Supersession`` when they do not, because the turn is to answer more.
    func outgoing(
        _ replies: [Reply], of turn: Turn, since startedAt: Timestamp, at now: Timestamp
    ) throws -> Outgoing {
        let intents = self.intents(for: replies, of: turn)
        switch self.machine.answered(at: now, isReply: !intents.isEmpty) {
        case .inTime:
            return Outgoing(intents: self.begun(intents, at: now), said: replies)
        case .superseded:
            throw self.superseded(turn, since: startedAt)
        case .late(let elapsed, .merge):
            self.report(.lateReply(turn, elapsed: elapsed, .merge))
            throw Supersession()
        case .late(let elapsed, .send):
            return Outgoing(intents: self.begun(intents, at: now), said: replies, late: (elapsed, .send))
        case .late(let elapsed, .apologise):
            let apology = turn.assistant.turns.late.apology
            let said = apology.isEmpty ? replies : [Reply(text: apology)] + replies
            let intents = self.begun(self.intents(for: said, of: turn), at: now)
            return Outgoing(intents: intents, said: said, late: (elapsed, .apologise))
        case .late(let elapsed, .drop):
            return Outgoing(intents: intents.map(\.dropped), said: [], late: (elapsed, .drop))
        }
    }

    private func intents(for replies: [Reply], of turn: Turn) -> [SendIntent] {
        if replies.isEmpty { return [] }
        let message = turn.messages[0]
        let channel = self.environment.channel(self.id.channel)
        let parts = replies.flatMap { ReplyParts.split($0.text, limit: channel?.maximumTextLength ?? 4096) }
        return parts.enumerated().map { part, text in
            SendIntent(
                id: SendIntent.ID(conversation: self.id, turn: message.id, part: part),
                replyAddress: message.replyAddress, text: text, traceID: message.traceID)
        }
    }

    /// The first intent is journaled as `sending` together with the turn when its request can follow at once.
    private func begun(_ intents: [SendIntent], at now: Timestamp) -> [SendIntent] {
        var intents = intents
        let channel = self.environment.channel(self.id.channel)
        if let first = intents.first, let channel, !channel.hasLead,
            case .server(let server) = channel.route(first, avoiding: [])
        {
            intents[0].state = .sending
            intents[0].attempts = 1
            intents[0].attemptedAt = now
            intents[0].server = server
        }
        return intents
    }

    /// The turn is journaled.
    func report(_ turn: Turn, _ outgoing: Outgoing, elapsed: Duration) {
        if turn.messages.count > 1 { self.report(.messagesMerged(turn)) }
        if let late = outgoing.late { self.report(.lateReply(turn, elapsed: late.elapsed, late.action)) }
        self.report(.turnSucceeded(turn, elapsed: elapsed))
    }

    /// Journals that messages are about to run although an earlier run may have killed the process, once in this process: a turn
    /// that runs again marks only those that are new in it.
    func mark(_ entries: [LogEntry]) async throws {
        for entry in entries where !self.marked.contains(entry.offset) {
            try await self.commit(.crashMark(self.id, entry.message.id))
            self.marked.insert(entry.offset)
        }
    }

    /// The turn's first message has been answered before. Of the others, only the journal knows; each is on its own now.
    ///
    /// - Returns: what the journal knows of the first, `entry`.
    func separate(_ entry: LogEntry) async throws -> EntryStanding? {
        let entries = self.machine.turn
        let standings = try await self.untilAvailable {
            try await self.environment.journal.standing(of: entries)
        }
        self.machine.separate(standings.compactMapValues(ConversationMachine.Standing.init(ended:)))
        return standings[entry.offset]
    }

    /// The sends of the turn that has answered `entry`, as they stand now.
    ///
    /// A failover may have taken the turn's first message from the log before its sends were finished, and a webhook may have
    /// brought it back behind the others: whichever of them comes first finishes the sends, and the rest finds them so.
    func intents(of turn: Turn.ID, over entry: LogEntry) async throws -> [SendIntent] {
        var first = entry.message
        first.id = turn
        let asked = LogEntry(offset: entry.offset, message: first)
        let standing = try await self.untilAvailable {
            try await self.environment.journal.standing(of: [asked])[asked.offset]
        }
        guard case .committed(let intents, _) = standing else { return [] }
        return intents
    }
}

extension ConversationMachine.Standing {
    /// `nil` for what has not come to its end.
    init?(ended standing: EntryStanding) {
        switch standing {
        case .committed(let intents, let transfer): self = .committed(intents, transfer: transfer)
        case .merged(let turn): self = .answered(by: turn)
        case .deadLetter: self = .deadLetter
        case .marked: return nil
        }
    }
}

extension SendIntent {
    /// Kept, and never sent.
    fileprivate var dropped: SendIntent {
        var intent = self
        intent.state = .dropped
        return intent
    }
}
