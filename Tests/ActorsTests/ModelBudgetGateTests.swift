import CardumeCore
import CardumeTesting
import Synchronization
import Testing

@testable import CardumeActors

/// A counter in memory that can be told to be away.
private final class TestCounter: BudgetCounter {
    private let ledgers = Mutex<[String: BudgetLedger]>([:])
    private let clock: ManualClock
    let isAway = Mutex(false)

    init(_ clock: ManualClock) { self.clock = clock }

    func lease(_ request: BudgetLeaseRequest, of budget: String) async throws -> BudgetLease {
        if self.isAway.withLock({ $0 }) { throw StoreError(.unavailable, "away") }
        let now = self.clock.uptime.milliseconds
        return self.ledgers.withLock { $0[budget, default: BudgetLedger()].lease(request, at: now) }
    }
}

private struct FixedModel: LanguageModel {
    var usage: TokenUsage? = TokenUsage(model: "m", prompt: 60, completion: 40)
    var error: (any Error & Sendable)?
    var name = "m"

    func complete(_ request: ModelRequest) async throws -> ModelResponse {
        if let error = self.error { throw error }
        return ModelResponse(text: self.name, usage: self.usage)
    }
}

@Suite struct ModelBudgetGateTests {
    private let clock = ManualClock()

    private static func request(_ contact: Int = 1, _ text: String = "oi") -> ModelRequest {
        ModelRequest(
            assistant: "suporte", conversation: Conversation.ID(channel: "loja", contact: ContactID("\(contact)")), prompt: "",
            messages: [ContextMessage(role: .contact, text: text)], traceID: "")
    }

    private func gate(_ name: String, _ limits: BudgetLimits, _ counter: (any BudgetCounter)? = nil) -> ModelBudgetGate {
        ModelBudgetGate(
            name: name, limits: limits, worker: "w", counter: counter ?? TestCounter(self.clock), clock: self.clock)
    }

    private func model(_ model: FixedModel, _ gates: [ModelBudgetGate], price: ModelPrice? = nil) -> BudgetedModel {
        BudgetedModel(
            model, terms: BudgetedModel.Terms(price: price, maximumTokens: 40), gates: gates, meter: TokenMeter())
    }

    private func running<Result>(
        _ gates: [ModelBudgetGate], _ body: () async throws -> Result
    ) async rethrows -> Result {
        let tasks = gates.map { gate in Task { await gate.run() } }
        defer { for task in tasks { task.cancel() } }
        return try await body()
    }

    @Test func aCallWaitsForItsFirstLeaseAndIsPriced() async throws {
        let gate = self.gate("m", BudgetLimits(requests: 60, tokens: 6_000))
        let model = self.model(FixedModel(), [gate], price: ModelPrice(input: 1_000_000, output: 2_000_000))
        let response = try await self.running([gate]) { try await model.complete(Self.request()) }
        #expect(response.usage?.costMicros == 140)
        #expect(gate.waiting == 0)
    }

    @Test func withoutBudgetTheTurnIsPutOffAndCountsAsNoAttempt() async throws {
        let gate = self.gate("m", BudgetLimits(requests: 1))
        let model = self.model(FixedModel(), [gate])
        try await self.running([gate]) {
            _ = try await model.complete(Self.request(1))
            let outcome = Mutex<Result<ModelResponse, any Error>?>(nil)
            let second = Task {
                do {
                    let response = try await model.complete(Self.request(2))
                    outcome.withLock { $0 = .success(response) }
                } catch {
                    outcome.withLock { $0 = .failure(error) }
                }
            }
            // It waits here until it is known that its time is far off.
            while outcome.withLock({ $0 == nil }) {
                if !self.clock.deadlines.isEmpty { self.clock.advance(by: .milliseconds(200)) }
                await Task.yield()
            }
            await second.value
            guard case .failure(let error)? = outcome.withLock({ $0 }), let postponement = error as? TurnPostponement else {
                return #expect(Bool(false), "it was let through")
            }
            #expect(postponement.cause == .budget("m") && postponement.delay > .seconds(1))
            #expect(gate.waiting == 1, "its place is kept")
        }
    }

    @Test func aRefusalBecomesAWaitForEverybody() async throws {
        let gate = self.gate("m", BudgetLimits())
        let refusal = TurnFailure(category: .rateLimit, message: "429", isRetryable: true, retryAfter: .seconds(30))
        let refused = self.model(FixedModel(error: refusal), [gate])
        await #expect(throws: TurnPostponement(.budget("m"), delay: .seconds(30), isRefusal: true)) {
            try await refused.complete(Self.request(1))
        }
        await #expect(throws: TurnPostponement(.budget("m"), delay: .seconds(24))) {
            try await self.model(FixedModel(), [gate]).complete(Self.request(2))
        }
        self.clock.advance(by: .seconds(30))
        _ = try await self.model(FixedModel(), [gate]).complete(Self.request(2))
    }

    @Test func otherFailuresPassAndSayWhatTheyUsed() async throws {
        #expect(BudgetedModel.end(of: CancellationError()) == .used(tokens: nil))
        #expect(BudgetedModel.end(of: TurnPostponement(.breaker("m"), delay: .seconds(1))) == .unused)
        func end(_ category: TurnFailure.Category, mayHaveBegun: Bool = true) -> ModelBudget.End {
            BudgetedModel.end(
                of: TurnFailure(category: category, message: "", isRetryable: true, mayHaveBegun: mayHaveBegun))
        }
        #expect(end(.connection, mayHaveBegun: false) == .unused)
        #expect(end(.connection) == .used(tokens: nil))
        #expect(end(.timeout) == .used(tokens: nil))
        #expect(end(.validation) == .refused)
        #expect(end(.rateLimit) == .refused)
    }

    @Test func aCancelledCallLeavesNothingBehind() async throws {
        let gate = self.gate("m", BudgetLimits(requests: 60))
        let model = self.model(FixedModel(), [gate])
        // Nobody asks the counter: it waits.
        let call = Task { try await model.complete(Self.request()) }
        while gate.waiting == 0 { await Task.yield() }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(gate.waiting == 0)
    }

    @Test func theAssistantsOwnBudgetComesFirst() async throws {
        let own = self.gate("assistant suporte", BudgetLimits())
        let shared = self.gate("m", BudgetLimits())
        own.refused(retryAfter: .seconds(60))
        let model = self.model(FixedModel(), [own, shared])
        await #expect(throws: TurnPostponement(.budget("assistant suporte"), delay: .seconds(48))) {
            try await model.complete(Self.request())
        }
    }

    // MARK: Tiers

    private func tiers(
        closing closed: Set<ModelTier>, because cause: Blocker.Cause = .budget("b"), isLoadHigh: Bool = false
    ) -> TieredModel {
        let models = ModelTier.allCases.map { tier -> (ModelTier, any LanguageModel) in
            let error = closed.contains(tier) ? TurnPostponement(cause, delay: .seconds(tier == .small ? 2 : 9)) : nil
            return (tier, FixedModel(error: error, name: tier.rawValue))
        }
        return TieredModel(
            Dictionary(uniqueKeysWithValues: models), rule: ModelTierRule(lengthStep: 10), isLoadHigh: { isLoadHigh })
    }

    @Test func aSmallerModelStandsIn() async throws {
        let long = Self.request(1, String(repeating: "a", count: 40) + " 123456")
        #expect(try await self.tiers(closing: []).complete(long).text == "large")
        #expect(try await self.tiers(closing: [.large]).complete(long).text == "medium")
        #expect(try await self.tiers(closing: [.large, .medium]).complete(long).text == "small")
        #expect(try await self.tiers(closing: [], isLoadHigh: true).complete(long).text == "medium")
        #expect(try await self.tiers(closing: []).complete(Self.request()).text == "small")
    }

    @Test func aLargerModelNeverStandsInForABudget() async throws {
        await #expect(throws: TurnPostponement(.budget("b"), delay: .seconds(2))) {
            try await self.tiers(closing: [.small]).complete(Self.request())
        }
        let broken = self.tiers(closing: [.small], because: .breaker("m"))
        #expect(try await broken.complete(Self.request()).text == "medium")
    }

    // MARK: Ceilings of cost

    private struct Totals: UsageReader {
        var totals: [DailyUsage] = []

        func usage(since day: CivilDay) async throws(StoreError) -> [DailyUsage] { self.totals.filter { $0.day >= day } }
    }

    private func totals(_ limit: Int64?, journaled: Int64 = 0) async throws -> CostTotals {
        let day = CivilDay(of: self.clock.wallTime)
        let used = DailyUsage(
            day: day, assistant: "suporte", model: "m", requests: 1, promptTokens: 1, completionTokens: 1, costMicros: journaled
        )
        let totals = CostTotals(Totals(totals: [used]), clock: self.clock)
        totals.update(["suporte": CostTotals.Rule(limit: limit) { (CivilDay(of: $0), .seconds(600)) }])
        try await totals.refresh()
        return totals
    }

    private func complete(_ totals: CostTotals, _ policy: CostLimitPolicy) async throws -> ModelResponse {
        let large = self.model(
            FixedModel(name: "large"), [self.gate("l", BudgetLimits())], price: ModelPrice(input: 1_000_000, output: 0))
        let small = self.model(FixedModel(name: "small"), [self.gate("s", BudgetLimits())])
        let tiers = TieredModel(
            [.large: large, .small: small], rule: ModelTierRule(mediumFrom: 0, largeFrom: 0), isLoadHigh: { false })
        return try await CostLimitedModel(tiers, totals: totals, policy: policy, message: "até amanhã").complete(Self.request())
    }

    @Test func belowTheCeilingAllIsAsEver() async throws {
        let totals = try await self.totals(1_000, journaled: 900)
        let response = try await self.complete(totals, .message)
        #expect(response.text == "large")
        #expect(response.usage?.day == CivilDay(of: self.clock.wallTime))
        // 60 each: the second one reaches it.
        #expect(try await self.complete(totals, .message).text == "large")
        #expect(try await self.complete(totals, .message).text == "até amanhã")
        #expect(try await self.complete(self.totals(nil, journaled: .max), .pause).text == "large")
    }

    @Test func atTheCeilingThePolicyDecides() async throws {
        let totals = try await self.totals(1_000, journaled: 1_000)
        #expect(try await self.complete(totals, .smaller).text == "small")
        #expect(try await self.complete(totals, .message).text == "até amanhã")
        await #expect(throws: TurnPostponement(.budget("daily cost of suporte"), delay: .seconds(60))) {
            try await self.complete(totals, .pause)
        }
        totals.update(["suporte": CostTotals.Rule(limit: 5_000) { (CivilDay(of: $0), .seconds(600)) }])
        #expect(try await self.complete(totals, .pause).text == "large")
    }
}
