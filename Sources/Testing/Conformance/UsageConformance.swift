public import CardumeCore

/// What every ``UsageReader`` promises, with the journal whose turns it adds up. Run against an empty one.
public struct UsageConformance: Sendable {
    private let journal: any Journal & UsageReader
    private let leases: any LeaseStore
    private let day = CivilDay(number: 20_700)

    /// - Parameter leases: those that `journal` checks fences against.
    public init(_ journal: any Journal & UsageReader, _ leases: any LeaseStore) {
        self.journal = journal
        self.leases = leases
    }

    /// - Throws: a ``ConformanceFailure`` at the first broken promise.
    public func run() async throws {
        let fence = try await Sample.claim(from: self.leases, for: "usage")
        try expect(try await self.journal.usage(since: CivilDay(number: 0)) == [], "nothing was used to begin with")
        // Different conversations at once: a group may hold several turns of one day and model.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    _ = try await self.journal.commit(.turn(self.turn(number, day: self.day)), fence)
                }
            }
            try await group.waitForAll()
        }
        _ = try await self.journal.commit(.turn(self.turn(3, day: self.day)), fence)
        _ = try await self.journal.commit(.turn(self.turn(100, day: CivilDay(number: 20_701))), fence)
        var silent = self.turn(101, day: self.day)
        silent.usage = nil
        _ = try await self.journal.commit(.turn(silent), fence)
        let unplaced = self.turn(102, day: nil)
        _ = try await self.journal.commit(.turn(unplaced), fence)
        _ = try? await self.journal.commit(.turn(self.turn(103, day: self.day)), fence.earlier)
        let next = self.total(CivilDay(number: 20_701), "m0", turns: 1)
        let expected = [
            self.total(self.day, "m0", turns: 20), self.total(self.day, "m1", turns: 20), next,
            self.total(CivilDay(of: unplaced.finishedAt), "m0", turns: 1),
        ].sorted { ($0.day, $0.model) < ($1.day, $1.model) }
        let all = try await self.journal.usage(since: self.day)
        try expect(all == expected, "each journaled turn counts once, on its day")
        try expect(
            try await self.journal.usage(since: CivilDay(number: 20_701)).allSatisfy { $0.day > self.day },
            "earlier days are left out")
        try await self.leases.release([fence], of: "usage")
    }

    private func turn(_ number: Int, day: CivilDay?) -> TurnCommit {
        let message = Sample.message("u-\(number)", from: "\(number)")
        return TurnCommit(
            turn: message.id, conversation: message.conversation, assistant: Sample.assistant, messages: [message], intents: [],
            usage: TokenUsage(model: "m\(number % 2)", prompt: 7, completion: 3, costMicros: 3_000_000_000, day: day),
            attempt: 1, startedAt: message.receivedAt, finishedAt: message.receivedAt)
    }

    private func total(_ day: CivilDay, _ model: String, turns: Int) -> DailyUsage {
        DailyUsage(
            day: day, assistant: Sample.assistant, model: model, requests: turns, promptTokens: 7 * turns,
            completionTokens: 3 * turns, costMicros: 3_000_000_000 * Int64(turns))
    }
}
