import CardumeCore
import Testing

/// A counter whose server was replaced by one with another clock.
@Suite struct BudgetLedgerTests {
    private static let now: Int64 = 1_795_176_000_000
    private static let request = BudgetLeaseRequest(worker: "w", limits: BudgetLimits(requests: 60), calls: 5, demand: 5)

    /// - Returns: the calls granted within a minute, asked for every second.
    private static func minute(_ ledger: inout BudgetLedger, from start: Int64) -> Int {
        (0..<60).reduce(0) { sum, second in sum + ledger.lease(Self.request, at: start + second * 1_000).calls }
    }

    @Test func aClockThatIsALittleBehindStandsStill() {
        var ledger = BudgetLedger()
        #expect(ledger.lease(Self.request, at: Self.now).calls == 1)
        #expect(ledger.lease(Self.request, at: Self.now - 3_000).calls == 0)
        #expect(ledger.charged.requests == 1)
    }

    @Test func aClockThatIsFarBehindIsAnother() {
        var ledger = BudgetLedger()
        #expect(Self.minute(&ledger, from: Self.now) >= 55)
        #expect(Self.minute(&ledger, from: Self.now - 600_000) >= 55, "not after ten minutes only")
        #expect(ledger.charged.requests <= 60)
    }
}
