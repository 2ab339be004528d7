import CardumeCore

/// Lanes: which slots a turn takes, and which queue it belongs to.
extension ConversationActor {
    private func lane(of message: InboundMessage) -> Lane {
        self.settings.assistant.bulkhead.laneRule.lane(of: message, self.history, timers: self.settings.assistant.timers)
    }

    /// Of the turn that is about to begin: the first of its messages that is no light one decides.
    var turnLane: Lane {
        for entry in self.machine.candidates {
            let lane = self.lane(of: entry.message)
            if lane != .light { return lane }
        }
        return .light
    }

    /// The queue that the turn of `message` belongs to; `nil` when that is the one it is in. What follows it in a burst does not
    /// count: it arrives in another queue later than the message does.
    func queueElsewhere(for message: InboundMessage) -> QueueID? {
        // What timers do, and what chooses an assistant, stays where the conversation is.
        guard message.kind != .system, !message.showsMenu else { return nil }
        return self.settings.queue(of: self.lane(of: message), unless: self.fence.partition.queue)
    }

    /// Gives the conversation, with this message, to another lane's queue.
    func move(_ entry: LogEntry, to queue: QueueID) async throws {
        try await self.transfer(entry, to: queue, isAnswered: false)
    }

    func history(after result: TurnResult) -> LaneHistory {
        let rule = self.settings.assistant.bulkhead.laneRule
        var history = self.history
        history.record(rule.effort(ofToolCalls: result.toolCalls), rule: rule)
        return history
    }

    /// Runs `body` in a slot of the turn's lane.
    ///
    /// - Parameter message: the turn's first.
    func inSlot<Result>(for message: InboundMessage, _ body: () async throws -> Result) async throws -> Result {
        let (bulkhead, lane) = (self.settings.bulkhead, self.turnLane)
        let clock = self.environment.clock
        try await self.acquireSlot(lane, message.kind.priority)
        let beganAt = clock.uptime
        self.isInSlot = true
        defer { self.isInSlot = false }
        do {
            let result = try await body()
            // A menu takes no time, and teaches nothing.
            bulkhead.release(lane, after: clock.uptime - beganAt, message.showsMenu ? .other : .served)
            return result
        } catch {
            bulkhead.release(lane, after: clock.uptime - beganAt, AdaptiveLimit.Outcome(of: error))
            throw error
        }
    }
}

extension AdaptiveLimit.Outcome {
    /// What a failed call says about the capacity of what it called.
    init(of error: any Error) {
        switch error {
        case let failure as TurnFailure where failure.category == .rateLimit:
            self = .overloaded
        case let failure as TurnFailure where failure.category == .timeout:
            self = .timedOut
        case let postponement as TurnPostponement:
            if case .breaker = postponement.cause {
                self = .blocked
            } else {
                self = postponement.isRefusal ? .overloaded : .other
            }
        default:
            self = .other
        }
    }
}
