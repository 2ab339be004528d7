import CardumeCore
import CardumeTesting
import Testing

@Suite struct ModelBudgetTests {
    /// A worker and its counter, asked whenever the worker wants.
    private struct Bench {
        var budget: ModelBudget
        var ledger = BudgetLedger()
        var now = Duration.zero

        init(_ limits: BudgetLimits) { self.budget = ModelBudget(worker: "w", limits: limits) }

        mutating func want(_ caller: UInt64, tokens: Int = 10, keepsPlace: Bool = true) -> ModelBudget.Answer {
            self.budget.requested("k\(caller)", caller: caller, tokens: tokens, keepsPlace: keepsPlace, at: self.now)
        }

        mutating func pass(_ duration: Duration) -> [ModelBudget.Resumption] {
            let end = self.now + duration
            var resumed: [ModelBudget.Resumption] = []
            while let pause = self.budget.nextLease(at: self.now), self.now + pause <= end {
                self.now += pause
                let request = self.budget.leaseRequest(at: self.now)
                let lease = self.ledger.lease(request, at: self.now.milliseconds)
                resumed += self.budget.leased(lease, askedAt: self.now, at: self.now)
            }
            self.now = end
            return resumed
        }
    }

    private static func isGranted(_ answer: ModelBudget.Answer) -> Bool {
        if case .granted = answer { true } else { false }
    }

    @Test func withoutLimitsNobodyWaitsAndNobodyIsAsked() {
        var bench = Bench(BudgetLimits())
        #expect(Self.isGranted(bench.want(1, tokens: 1_000_000)))
        #expect(bench.budget.nextLease(at: bench.now) == nil)
    }

    @Test func theFirstCallWaitsForOneAnswerAndTheNextForNone() {
        var bench = Bench(BudgetLimits(requests: 600))
        #expect(bench.want(1) == .waiting)
        #expect(bench.pass(.milliseconds(1)).map(\.caller) == [1])
        _ = bench.pass(.milliseconds(250))
        #expect(Self.isGranted(bench.want(2)))
    }

    /// Six calls on their way when the server had enough are one storm, not six.
    @Test func refusalsOfOneStormCloseOnce() {
        var bench = Bench(BudgetLimits(requests: 600))
        for _ in 0..<6 { bench.budget.refused(retryAfter: nil, at: bench.now) }
        #expect(bench.budget.leaseRequest(at: bench.now).closedFor == .seconds(1))
        bench.now = .seconds(1)
        for _ in 0..<6 { bench.budget.refused(retryAfter: nil, at: bench.now) }
        #expect(bench.budget.leaseRequest(at: bench.now).closedFor == .seconds(2))
        bench.budget.refused(retryAfter: .seconds(9), at: bench.now)
        #expect(bench.budget.leaseRequest(at: bench.now).closedFor == .seconds(9), "what a server says counts")
    }

    @Test func anIdleWorkerHoldsNothingAndAsksNothing() {
        var bench = Bench(BudgetLimits(requests: 600, tokens: 60_000))
        _ = bench.want(1)
        let resumed = bench.pass(.milliseconds(400))
        guard case .granted(let reservation)? = resumed.first?.answer else { return #expect(Bool(false), "not granted") }
        bench.budget.ended(reservation, .used(tokens: 7), at: bench.now)
        _ = bench.pass(.seconds(5))
        #expect(bench.budget.nextLease(at: bench.now) == nil)
        #expect(bench.ledger.charged == BudgetAmount(requests: 1, tokens: 7))
    }

    @Test func placesAreSpreadOverTimeAndKept() {
        var bench = Bench(BudgetLimits(requests: 60))
        var delays: [Duration] = []
        for caller in 0..<100 as Range<UInt64> {
            if case .postponed(let delay) = bench.want(caller) { delays.append(delay) }
        }
        // One call a second: each comes back a little later than the one before.
        #expect(delays.count >= 97)
        #expect(zip(delays, delays.dropFirst()).allSatisfy { $0 <= $1 })
        #expect((delays.first ?? .zero) < .seconds(3) && (delays.last ?? .zero) == .seconds(60))
        #expect(bench.budget.waiting == 100)
        _ = bench.pass(.seconds(10))
        // The one before the last comes back to its place, which is before that of a newcomer.
        guard case .postponed(let back) = bench.want(50), case .postponed(let new) = bench.want(500) else {
            return #expect(Bool(false), "not put off")
        }
        #expect(back < new)
        // One was served, one is new.
        #expect(bench.budget.waiting == 100)
    }

    @Test func whoKeepsNoPlaceIsForgotten() {
        var bench = Bench(BudgetLimits(requests: 1))
        _ = bench.want(1)
        _ = bench.pass(.milliseconds(1))
        _ = bench.want(2)
        _ = bench.pass(.milliseconds(250))
        guard case .postponed = bench.want(3, keepsPlace: false) else { return #expect(Bool(false), "not put off") }
        #expect(bench.budget.waiting == 1)
    }

    @Test func aRefusalClosesTheBudgetForAll() {
        var bench = Bench(BudgetLimits(requests: 600))
        _ = bench.want(1)
        _ = bench.pass(.milliseconds(250))
        bench.budget.refused(retryAfter: .seconds(20), at: bench.now)
        guard case .postponed(let delay) = bench.want(2) else { return #expect(Bool(false), "not put off") }
        #expect(delay >= .seconds(16) && delay <= .seconds(20))
        _ = bench.pass(.milliseconds(250))
        var other = BudgetLeaseRequest(worker: "other", limits: BudgetLimits(requests: 600), calls: 1, demand: 1)
        var lease = bench.ledger.lease(other, at: bench.now.milliseconds)
        #expect(lease.calls == 0 && lease.closedFor > .seconds(19))
        other.closedFor = .zero
        lease = bench.ledger.lease(other, at: bench.now.milliseconds + 20_000)
        #expect(lease.calls == 1 && lease.closedFor == .zero)
    }

    @Test func refusalsWithoutAWaitAreWaitedForLongerEachTime() {
        var budget = ModelBudget(worker: "w", limits: BudgetLimits())
        var now = Duration.zero
        var waits: [Duration] = []
        for caller in 1...7 as ClosedRange<UInt64> {
            budget.refused(retryAfter: nil, at: now)
            var wait = Duration.zero
            while !Self.isGranted(
                budget.requested("k", caller: caller, tokens: 1, keepsPlace: false, at: now + wait))
            {
                budget.cancelled(caller)
                wait += .milliseconds(500)
            }
            waits.append(wait)
            now += wait
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 32].map { .seconds($0) })
    }

    @Test func whatTheServerSaysLowersWhatIsConfigured() {
        var budget = ModelBudget(worker: "w", limits: BudgetLimits(requests: 100))
        let headers = ["x-ratelimit-limit-requests": "60", "x-ratelimit-limit-tokens": "9000"]
        budget.learned(ModelLimitReport { headers[$0] }, at: .zero)
        #expect(budget.limits == BudgetLimits(requests: 60, tokens: 9_000))
        budget.learned(ModelLimitReport { ["x-ratelimit-limit-requests": "5000"][$0] }, at: .zero)
        #expect(budget.limits == BudgetLimits(requests: 100, tokens: 9_000))
        budget.update(BudgetLimits(requests: 7, tokens: 10_000))
        #expect(budget.limits == BudgetLimits(requests: 7, tokens: 9_000))
    }

    @Test(arguments: ["-1", "0", "", "NaN", "1e9", "99999999999999999999999", "12 ", "0x10", "٣"])
    func hostileLimitsAreIgnored(_ value: String) {
        let report = ModelLimitReport { _ in value }
        #expect(report.isEmpty)
        #expect(report.tokens.remaining == nil && report.requests.reset == nil)
    }

    @Test(
        arguments: [
            ("12ms", 12), ("1s", 1_000), ("6m0s", 360_000), ("1h2m3.5s", 3_723_500), ("7.66s", 7_660), ("0s", 0),
            ("1", nil), ("s", nil), ("-1s", nil), ("1d", nil), ("99h", nil), ("", nil), ("1.2.3s", nil), ("infs", nil),
        ] as [(String, Int64?)])
    func resets(_ text: String, _ milliseconds: Int64?) {
        let report = ModelLimitReport { $0.hasPrefix("x-ratelimit-reset") ? text : "5" }
        #expect(report.requests.reset?.milliseconds == milliseconds)
    }

    /// A call with many tokens among many with few: it is not left to starve.
    @Test func largeCallsFindRoomAmongSmallOnes() {
        var ledger = BudgetLedger()
        let limits = BudgetLimits(tokens: 6_000)
        var served: [Int64] = []
        var generator = SeededGenerator(seed: 1)
        for now in stride(from: Int64(0), to: 300_000, by: 100) {
            for worker in (0...5).shuffled(using: &generator) {
                let request =
                    worker == 0
                    ? BudgetLeaseRequest(
                        worker: "large", limits: limits, calls: 1, tokens: 1_500, firstTokens: 1_500, demand: 1)
                    : BudgetLeaseRequest(
                        worker: "small\(worker)", limits: limits, calls: 3, tokens: 60, firstTokens: 20, demand: 50)
                if ledger.lease(request, at: now).calls == 1, worker == 0 { served.append(now) }
                #expect(ledger.charged.tokens <= 6_000)
            }
        }
        #expect(served.count >= 5)
        #expect((zip(served, served.dropFirst()).map { $1 - $0 }.max() ?? .max) < 90_000)
    }

    @Test func aCallLargerThanTheLimitIsLetThroughOnce() {
        var bench = Bench(BudgetLimits(tokens: 1_000))
        #expect(bench.want(1, tokens: 50_000) == .waiting)
        let resumed = bench.pass(.milliseconds(1))
        guard case .granted(let reservation)? = resumed.first?.answer else { return #expect(Bool(false), "not granted") }
        #expect(reservation.tokens == 250)
        bench.budget.ended(reservation, .used(tokens: 3_000), at: bench.now)
        _ = bench.pass(.seconds(1))
        #expect(bench.ledger.charged.tokens == 3_000)
    }

    @Test func estimatesFollowWhatIsObserved() {
        var estimate = TokenEstimate()
        let request = ModelRequest(
            assistant: "a", conversation: "loja:1", prompt: String(repeating: "p", count: 400),
            messages: [ContextMessage(role: .contact, text: String(repeating: "m", count: 400))], traceID: "")
        #expect(estimate.tokens(of: request, maximum: nil) == 8 + 200 + 400)
        #expect(estimate.tokens(of: request, maximum: 50) == 8 + 200 + 50)
        for _ in 0..<100 { estimate.observed(TokenUsage(model: "m", prompt: 408, completion: 30), for: request) }
        #expect((435...440).contains(estimate.tokens(of: request, maximum: nil)))
        #expect(TokenUsage(model: "m", prompt: -5, completion: .max).completion == 1_000_000_000)
        estimate.observed(TokenUsage(model: "m", prompt: -5, completion: .max), for: request)
        #expect((435...440).contains(estimate.tokens(of: request, maximum: nil)))
    }
}
