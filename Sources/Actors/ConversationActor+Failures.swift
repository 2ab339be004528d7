import CardumeCore

/// What becomes of a message whose turn failed, or that was running when a process died.
extension ConversationActor {
    func handle(_ failure: TurnFailure, attempt: Int) async throws {
        var generator = self.environment.generator
        let entries = self.machine.turn
        // Where a turn is journaled and a reply of it is lost, that is its first message's matter.
        let lost = self.machine.isUnanswered ? entries[...] : entries.prefix(1)
        let isTimer = entries[0].message.timer != nil
        if let run = self.run {
            self.report(.turnFailed(failure, elapsed: self.environment.clock.wallTime.elapsed(since: run.since)))
        }
        switch self.machine.failed(failure, mayHold: !isTimer, using: &generator) {
        case .retry(let delay):
            self.report(.turnWillRetry(self.turn(of: lost.map(\.message), attempt: attempt), failure, delay: delay))
            // What is waited for is another one.
            self.run = nil
            let limit = self.settings.assistant.retry.maximumAttempts
            try await self.wait(delay, for: .retry(attempt: attempt + 1, of: limit, failure))
        case .deadLetter(let attempts, let holds):
            for (index, entry) in lost.enumerated() {
                try await self.bury(entry.message, failure, attempts: attempts, holds: holds && index == 0)
            }
            // What a timer could not say does not keep the next one from its time.
            self.settleTurn(isAnswered: isTimer)
        }
    }

    func bury(
        _ message: InboundMessage, _ failure: TurnFailure, attempts: Int, holds: Bool
    ) async throws {
        let letter = DeadLetter(
            message: message, assistant: self.settings.assistant.id, failure: failure, attempts: attempts,
            at: self.environment.clock.wallTime, holdsConversation: holds
        )
        try await self.commit(.deadLetter(letter))
        self.report(.deadLettered(letter))
    }

    /// Runs a message that may have killed the process before. It is marked when it really runs, so that the next owner
    /// knows; those that were marked already run one at a time, so that the one that kills is told from those beside it.
    func answerSuspect(_ entry: LogEntry, marks: Int, attempt: Int) async throws -> Answer {
        let message = entry.message
        guard marks < self.settings.crashMarkLimit else {
            throw TurnFailure(
                category: .crash, message: "was running each of the last \(marks + 1) times the process died",
                isRetryable: false
            )
        }
        guard marks > 0 else { return try await self.answer(entry, attempt: attempt, isSuspect: true) }
        self.report(.crashSuspected(message, marks: marks))
        try await self.outlastPauses(self.turnLane, message.kind.priority)
        try await self.acquire(self.settings.suspects, .light, message.kind.priority)
        // Sends, which follow, may wait for a gateway for hours; the others wait only for the turn.
        defer { self.settings.suspects.release() }
        return try await self.answer(entry, attempt: attempt, isSuspect: true)
    }
}
