import CardumeCore
import Testing

@Suite struct ModelTierTests {
    private static func request(
        _ text: String, earlier: Int = 0, transfers: Int = 0
    ) -> ModelRequest {
        let context = earlier == 0 ? [] : [ContextMessage(role: .assistant, text: String(repeating: "x", count: earlier))]
        return ModelRequest(
            assistant: "a", conversation: "loja:1", prompt: "",
            messages: context + [ContextMessage(role: .contact, text: text)],
            traceID: "", transfers: (0..<transfers).map { TransferOption(assistant: AssistantID("t\($0)"), reason: "r") })
    }

    @Test(arguments: [
        ("oi", 0, 0, 0, ModelTier.small), (String(repeating: "á", count: 600), 0, 0, 2, .medium),
        (String(repeating: "a", count: 9_000), 0, 0, 4, .medium), ("e? e? e? e?", 0, 0, 2, .medium),
        ("pedido 123456", 0, 0, 1, .small), ("oi", 0, 4, 4, .medium), ("oi", 6_000, 2, 5, .large),
        ("oi", 100_000, 0, 3, .medium),
    ])
    func pointsAddUp(_ text: String, _ earlier: Int, _ transfers: Int, _ points: Int, _ tier: ModelTier) {
        let request = Self.request(text, earlier: earlier, transfers: transfers)
        #expect(ModelTierRule().points(of: request) == points)
        #expect(ModelTierRule().tier(for: request) == tier)
    }

    @Test func smallerOnesFollowAndLargerOnesComeLast() {
        let all = Set(ModelTier.allCases)
        #expect(ModelTierRule.order(.large, available: all, isLoadHigh: false) == ([.large, .medium, .small], []))
        #expect(ModelTierRule.order(.medium, available: all, isLoadHigh: false) == ([.medium, .small], [.large]))
        #expect(ModelTierRule.order(.large, available: all, isLoadHigh: true) == ([.medium, .small], [.large]))
        #expect(ModelTierRule.order(.medium, available: all, isLoadHigh: true) == ([.small], [.medium, .large]))
        #expect(
            ModelTierRule.order(.large, available: all, largest: .small, isLoadHigh: false) == ([.small], [.medium, .large]))
        #expect(ModelTierRule.order(.small, available: [.medium, .large], isLoadHigh: false) == ([.medium], [.large]))
    }
}

@Suite struct CostTests {
    @Test func costsAreRoundedToTheNearestMillionth() {
        let price = ModelPrice(input: 150_000, output: 600_000)
        #expect(price.cost(prompt: 1_000_000, completion: 0) == 150_000)
        #expect(price.cost(prompt: 100, completion: 100) == 75)
        #expect(price.cost(prompt: 3, completion: 0) == 0)
        #expect(price.cost(prompt: 4, completion: 0) == 1)
        #expect(price.cost(prompt: -4, completion: -1) == 0)
        #expect(price.cost(prompt: .max, completion: .max) > 0)
    }

    @Test func ownSpendingCountsUntilTheJournalHasIt() {
        var ceiling = CostCeiling(limit: 100)
        let day = CivilDay(number: 20_000)
        ceiling.spent(40, on: day, at: .seconds(1))
        #expect(!ceiling.isReached(on: day))
        ceiling.spent(60, on: day, at: .seconds(2))
        #expect(ceiling.isReached(on: day))
        // Read before it was journaled for certain: counted twice, rather than not at all.
        ceiling.read(100, of: day, begunAt: .seconds(4))
        #expect(ceiling.spent(on: day) == 200)
        ceiling.read(100, of: day, begunAt: .seconds(10))
        #expect(ceiling.spent(on: day) == 100)
        #expect(!ceiling.isReached(on: CivilDay(number: 20_001)))
        ceiling.spent(1, on: CivilDay(number: 20_001), at: .seconds(11))
        ceiling.read(1_000, of: day, begunAt: .seconds(12))
        #expect(ceiling.spent(on: CivilDay(number: 20_001)) == 1)
    }

    @Test func daysAreWrittenAndReadAgain() {
        #expect(CivilDay(number: 0).description == "1970-01-01")
        #expect(CivilDay("2024-02-29")?.number == 19_782)
        for number in stride(from: -800, to: 60_000, by: 7) {
            let day = CivilDay(number: number)
            #expect(CivilDay(day.description) == day)
        }
        #expect(["2023-02-29", "2023-13-01", "2023-1-1", "", "a-b-c", "2023-04-31"].allSatisfy { CivilDay($0) == nil })
        #expect(CivilDay(of: Timestamp(milliseconds: -1)).description == "1969-12-31")
        #expect(CivilDay(of: Timestamp(milliseconds: 0), offset: .seconds(-3 * 3_600)).description == "1969-12-31")
    }
}
