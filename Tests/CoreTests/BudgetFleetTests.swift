import CardumeCore
import CardumeTesting
import Testing

@Suite struct BudgetFleetTests {
    private static func percent(_ share: Double) -> String { "\((share * 10_000).rounded() / 100) %" }

    private static func run(_ settings: BudgetFleet.Settings, seed: UInt64) -> BudgetFleet {
        var fleet = BudgetFleet(settings, seed: seed)
        fleet.run(for: .seconds(90))
        fleet.forget()
        fleet.run(for: .seconds(300))
        return fleet
    }

    /// Six workers, 600 requests and 60,000 tokens a minute, for five minutes: requests are what is short, then tokens.
    @Test(
        arguments: ModelRateLimiter.Window.allCases, [40...120, 100...300])
    func nearlyAllIsUsedAndHardlyAnythingRefused(_ window: ModelRateLimiter.Window, _ tokens: ClosedRange<Int>) {
        for seed in 1...3 as ClosedRange<UInt64> {
            var settings = BudgetFleet.Settings()
            (settings.window, settings.tokens) = (window, tokens)
            let fleet = Self.run(settings, seed: seed)
            print(
                "budget, \(window) window, \(tokens) tokens: used \(Self.percent(fleet.use)), refused \(Self.percent(fleet.refusedShare))"
            )
            #expect(fleet.use >= 0.95)
            #expect(fleet.refusedShare < 0.01)
        }
    }

    /// The negative control: each worker believes the whole budget to be its own. (Fixed minutes forgive most: the refused
    /// wait for the next one.)
    @Test(arguments: ModelRateLimiter.Window.allCases)
    func withoutASharedCounterManyAreRefused(_ window: ModelRateLimiter.Window) {
        var settings = BudgetFleet.Settings()
        (settings.window, settings.sharesCounter) = (window, false)
        let fleet = Self.run(settings, seed: 1)
        print("budget, \(window) window, nothing shared: refused \(Self.percent(fleet.refusedShare))")
        #expect(fleet.refusedShare > 0.02)
    }

    /// Whatever the workers do, no 60 s as the server sees them hold more than the limit, and nothing is lost or invented.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func noMinuteIsEverOverTheLimit(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var settings = BudgetFleet.Settings()
        settings.limits.requests = [3, 20, 100, 600, 3_000].randomElement(using: &generator) ?? 600
        settings.limits.tokens = settings.limits.requests * Int.random(in: 80...200, using: &generator)
        settings.workers = Int.random(in: 1...10, using: &generator)
        settings.callersPerWorker = Int.random(in: 1...60, using: &generator)
        settings.window = ModelRateLimiter.Window.allCases.randomElement(using: &generator) ?? .sliding
        // An estimate that is too low is no fault of the budget.
        settings.estimate = 1.0...1.5
        settings.pause = 0...Int.random(in: 0...20_000, using: &generator)
        var fleet = BudgetFleet(settings, seed: seed)
        fleet.run(for: .seconds(300))
        var (first, requests, tokens) = (0, 0, 0)
        var (most, mostTokens) = (0, 0)
        for call in fleet.arrivals {
            (requests, tokens) = (requests + 1, tokens + call.tokens)
            while fleet.arrivals[first].at <= call.at - 60_000 {
                (requests, tokens) = (requests - 1, tokens - fleet.arrivals[first].tokens)
                first += 1
            }
            (most, mostTokens) = (max(most, requests), max(mostTokens, tokens))
        }
        #expect(fleet.arrivals.count > 1)
        #expect(most <= settings.limits.requests)
        #expect(mostTokens <= settings.limits.tokens)
        #expect(fleet.refused == 0)
        for machine in fleet.machines {
            // What has ended has been given back in part; the rest is out with calls that run.
            let out = machine.reserved - machine.settled - machine.returned
            #expect(out.requests >= 0 && out.requests <= settings.callersPerWorker)
            #expect(out.tokens >= 0)
        }
    }

    /// With hundreds waiting at each worker, everybody is served about as often as everybody else.
    @Test func whoWaitsIsServedInTurn() {
        var settings = BudgetFleet.Settings()
        settings.callersPerWorker = 200
        var fleet = BudgetFleet(settings, seed: 7)
        fleet.run(for: .seconds(1_200))
        var counts: [Int: Int] = [:]
        for caller in fleet.served { counts[caller, default: 0] += 1 }
        #expect(counts.count == 1_200)
        let least = counts.values.min() ?? 0
        let most = counts.values.max() ?? 0
        print("budget, 1,200 callers for 20 minutes: each served \(least) to \(most) times, \(fleet.postponements) put off")
        #expect(least >= 7 && most <= 16)
        #expect(fleet.longestPostponement <= .seconds(60))
    }

    /// While the counter is away, all workers together stay below the limit, and yet go on.
    @Test func withoutTheCounterEachGoesOnWithItsShare() {
        var fleet = BudgetFleet(BudgetFleet.Settings(), seed: 3)
        fleet.run(for: .seconds(120))
        fleet.counterIsAway = true
        fleet.run(for: .seconds(30))
        fleet.forget()
        fleet.run(for: .seconds(180))
        print("budget, counter away: used \(Self.percent(fleet.use)), refused \(Self.percent(fleet.refusedShare))")
        #expect(fleet.use > 0.3 && fleet.use < 0.8)
        #expect(fleet.refused == 0)
        fleet.counterIsAway = false
        fleet.run(for: .seconds(60))
        fleet.forget()
        fleet.run(for: .seconds(120))
        #expect(fleet.use >= 0.95)
        #expect(fleet.refusedShare < 0.01)
    }
}
