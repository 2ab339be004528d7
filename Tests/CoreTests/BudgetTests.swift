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
                "budget, \(window) window, \(tokens) tokens: used \(Self.percent(fleet.use)), refused \(Self.percent(fleet.refusedShare))")
            #expect(fleet.use >= 0.95)
            #expect(fleet.refusedShare < 0.01)
        }
    }

    /// The negative control: each worker believes the whole budget to be its own.
    @Test(arguments: ModelRateLimiter.Window.allCases)
    func withoutASharedCounterManyAreRefused(_ window: ModelRateLimiter.Window) {
        var settings = BudgetFleet.Settings()
        (settings.window, settings.sharesCounter) = (window, false)
        let fleet = Self.run(settings, seed: 1)
        print("budget, \(window) window, nothing shared: refused \(Self.percent(fleet.refusedShare))")
        #expect(fleet.refusedShare > 0.05)
    }
}
