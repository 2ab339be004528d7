import CardumeCore
import CardumeTesting
import Foundation
import Testing

/// The limiter before a simulated server, in virtual time, with more to do than it can.
struct AdaptiveLimitTests {
    /// Serves `capacity` calls at once at full speed; beyond that all of them slow down in proportion.
    private struct Simulation {
        var limiter: AdaptiveLimit?
        var fixed = 0
        var capacity = 40.0
        /// Standard deviation of the logarithm of a call's work, whose median is a second.
        var spread = 0.0
        /// Calls in flight beyond which it answers 429.
        var refusesBeyond: Int?
        /// Calls in flight beyond which it does not answer at all.
        var hangsBeyond = Int.max
        /// Of all calls, those that it never answers.
        var hanging = 0.0
        /// Seconds after which a call is given up.
        var timeLimit = Double.infinity
        var served = 0
        var refused = 0
        private(set) var now = 0.0
        private var calls: [(began: Double, left: Double)] = []
        private var generator: SeededGenerator

        init(_ limiter: AdaptiveLimit?, fixed: Int = 0, spread: Double = 0, seed: UInt64 = 1) {
            self.limiter = limiter
            self.fixed = fixed
            self.spread = spread
            self.generator = SeededGenerator(seed: seed)
        }

        /// The limit in the middle, looked at each second of a minute.
        mutating func median() -> Int {
            var limits: [Int] = []
            for _ in 0..<60 {
                self.run(seconds: 1)
                limits.append(self.limit)
            }
            return limits.sorted()[30]
        }

        private var limit: Int { self.limiter?.limit ?? self.fixed }

        private mutating func work() -> Double {
            // The sum of twelve uniform numbers is nearly normal.
            let normal = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self.generator) }
            return exp(normal * self.spread)
        }

        private mutating func ended(_ latency: Double, inFlight: Int, _ outcome: AdaptiveLimit.Outcome) {
            _ = self.limiter?.finished(.seconds(latency), inFlight: inFlight, outcome, at: .seconds(self.now))
        }

        mutating func run(seconds: Double) {
            let step = 0.02
            let end = self.now + seconds
            while self.now < end {
                self.now += step
                let speed = min(1, self.capacity / Double(max(self.calls.count, 1)))
                for index in self.calls.indices { self.calls[index].left -= step * speed }
                for index in self.calls.indices.reversed() {
                    let call = self.calls[index]
                    let isServed = call.left <= 0
                    guard isServed || self.now - call.began >= self.timeLimit else { continue }
                    let inFlight = self.calls.count
                    self.calls.remove(at: index)
                    if isServed { self.served += 1 }
                    self.ended(self.now - call.began, inFlight: inFlight, isServed ? .served : .timedOut)
                }
                // One that is turned away is tried again later, like a turn.
                var attempts = 0
                while self.calls.count < self.limit, attempts < 4 {
                    if let refusesBeyond, self.calls.count >= refusesBeyond {
                        attempts += 1
                        self.refused += 1
                        self.ended(0.01, inFlight: self.calls.count + 1, .overloaded)
                    } else {
                        let hangs =
                            self.calls.count >= self.hangsBeyond
                            || Double.random(in: 0..<1, using: &self.generator) < self.hanging
                        self.calls.append((self.now, hangs ? .infinity : self.work()))
                    }
                }
            }
        }
    }

    private static func limiter(from initial: Int) -> AdaptiveLimit {
        AdaptiveLimit(policy: .init(floor: 1, ceiling: 400, initial: initial))
    }

    @Test(arguments: [4, 400])
    func settlesNearTheCapacityAndFollowsIt(from initial: Int) {
        var simulation = Simulation(Self.limiter(from: initial))
        simulation.run(seconds: 60)
        #expect((30...50).contains(simulation.median()))
        simulation.capacity = 20
        simulation.run(seconds: 60)
        #expect((15...25).contains(simulation.median()))
        simulation.capacity = 40
        simulation.run(seconds: 60)
        #expect((30...50).contains(simulation.median()))
    }

    /// Calls of very different lengths say less; not every chance can be told from queueing.
    @Test(arguments: [0.3, 0.6])
    func findsTheCapacityThroughNoise(spread: Double) {
        var near = 0
        for seed in 1...10 as ClosedRange<UInt64> {
            var simulation = Simulation(Self.limiter(from: seed.isMultiple(of: 2) ? 4 : 400), spread: spread, seed: seed)
            simulation.run(seconds: 60)
            if (30...50).contains(simulation.median()) { near += 1 }
        }
        #expect(near >= 8)
    }

    @Test(arguments: [0.0, 0.3, 0.6])
    func servesNearlyAsMuchAsTheBestFixedLimit(spread: Double) {
        func served(_ simulation: Simulation) -> Int {
            var simulation = simulation
            simulation.run(seconds: 60)
            simulation.served = 0
            simulation.run(seconds: 120)
            return simulation.served
        }
        let best = [20, 30, 40, 50, 60].map { served(Simulation(nil, fixed: $0, spread: spread)) }.max() ?? 0
        let shares = (1...8 as ClosedRange<UInt64>).map {
            Double(served(Simulation(Self.limiter(from: 4), spread: spread, seed: $0))) / Double(best)
        }
        #expect(shares.reduce(0, +) / 8 >= 0.9, "\(shares)")
    }

    /// A server without a bound, whose answers take 1 s (median) and 3 s (95th percentile), and one in a hundred never comes: to
    /// ask less would not change that.
    @Test(arguments: [0, 0.002, 0.01]) func whatHangsHoweverLittleIsAskedDoesNotLowerIt(hanging: Double) {
        for seed in 1...4 as ClosedRange<UInt64> {
            var simulation = Simulation(
                AdaptiveLimit(policy: .init(ceiling: 200, initial: 40)), spread: 0.668, seed: seed)
            (simulation.capacity, simulation.hanging, simulation.timeLimit) = (.infinity, hanging, 10)
            simulation.run(seconds: 300)
            #expect(simulation.median() >= 100)
        }
    }

    /// However much its answers differ in length, chance is not taken for queueing.
    @Test(arguments: [0.3, 0.668, 0.9]) func aServerWithoutABoundIsAskedAllThatMayBe(spread: Double) {
        for seed in 1...6 as ClosedRange<UInt64> {
            var simulation = Simulation(AdaptiveLimit(policy: .init(ceiling: 200)), spread: spread, seed: seed)
            simulation.capacity = .infinity
            simulation.run(seconds: 120)
            #expect(simulation.median() >= 180)
        }
    }

    /// One that answers forty calls and lets all others hang.
    @Test func whatHangsBecauseTooMuchIsAskedLowersIt() {
        var simulation = Simulation(AdaptiveLimit(policy: .init(ceiling: 200)), spread: 0.3)
        (simulation.capacity, simulation.hangsBeyond, simulation.timeLimit) = (.infinity, 40, 10)
        simulation.run(seconds: 300)
        #expect((20...60).contains(simulation.median()))
    }

    @Test func oneLoneFailureCostsATenth() {
        var limiter = Self.limiter(from: 64)
        _ = limiter.finished(.seconds(10), inFlight: 1, .overloaded, at: .seconds(100))
        #expect(limiter.limit == 58)
    }

    /// An open breaker turns away call after call: it has opened once.
    @Test func anOpenBreakerCostsATenthOnce() {
        var limiter = Self.limiter(from: 64)
        for second in 1...30 { _ = limiter.finished(.zero, inFlight: 1, .blocked, at: .seconds(second)) }
        #expect(limiter.limit == 58)
        _ = limiter.finished(.seconds(1), inFlight: 1, .served, at: .seconds(40))
        _ = limiter.finished(.zero, inFlight: 1, .blocked, at: .seconds(50))
        #expect(limiter.limit == 52)
    }

    /// Bursts of calls of a second each, with pauses of any length between them, take a second. Those that say nothing do not count.
    @Test(arguments: [0.5, 4, 20])
    func pausesAreNobodysLatency(pause: Double) {
        var limiter = Self.limiter(from: 40)
        var now = 0.0
        for _ in 0..<30 {
            now += pause + 1
            for left in (1...40).reversed() {
                let outcome: AdaptiveLimit.Outcome = left.isMultiple(of: 4) ? .other : .served
                _ = limiter.finished(.seconds(1), inFlight: left, outcome, at: .seconds(now))
            }
        }
        let latency = limiter.latency?.seconds ?? 0
        // Where a window ends in the middle of a burst, it is off by a part of one.
        #expect((0.7...1.3).contains(latency), "\(latency)")
    }

    @Test func callsTurnedAwayAreFew() {
        var simulation = Simulation(Self.limiter(from: 400))
        simulation.refusesBeyond = 40
        simulation.run(seconds: 60)
        (simulation.served, simulation.refused) = (0, 0)
        simulation.run(seconds: 240)
        #expect(simulation.served > 240 * 40 * 8 / 10)
        #expect(Double(simulation.refused) < 0.02 * Double(simulation.served))
    }

    /// The negative control: without the limiter's answer to them, most calls are turned away.
    @Test func withoutItMostCallsAreTurnedAway() {
        var simulation = Simulation(nil, fixed: 400)
        simulation.refusesBeyond = 40
        simulation.run(seconds: 60)
        #expect(simulation.refused > simulation.served)
    }

    @Test(arguments: [(nil, 64), (7, 7), (2, 4), (100, 64)] as [(Int?, Int)])
    func beginsWhereItIsTold(_ start: Int?, _ expected: Int) {
        let assistant = Assistant(id: "a", slots: 64, bulkhead: BulkheadPolicy(adaptiveFloor: 4, adaptiveStart: start))
        #expect(assistant.adaptiveLimits[.light].map { AdaptiveLimit(policy: $0).limit } == expected)
    }

    @Test func tooLittleTrafficTeachesNothing() {
        var limiter = Self.limiter(from: 100)
        for second in 0..<200 {
            let now = Duration.seconds(second)
            _ = limiter.finished(.seconds(second % 7 + 1), inFlight: 3, .served, at: now)
        }
        #expect(limiter.limit == 100)
    }

    @Test func staysBetweenFloorAndCeiling() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let floor = Int.random(in: 1...20, using: &generator)
            let policy = AdaptiveLimit.Policy(
                floor: floor, ceiling: floor + Int.random(in: 0...50, using: &generator),
                initial: Int.random(in: 0...100, using: &generator))
            var limiter = AdaptiveLimit(policy: policy)
            var now = Duration.zero
            for _ in 0..<400 {
                now += .milliseconds(Int.random(in: 0...2_000, using: &generator))
                let outcome: AdaptiveLimit.Outcome =
                    [.served, .served, .served, .overloaded, .timedOut, .other].randomElement(using: &generator) ?? .served
                _ = limiter.finished(
                    .milliseconds(Int.random(in: 0...20_000, using: &generator)),
                    inFlight: Int.random(in: 1...100, using: &generator), outcome, at: now)
                #expect((policy.floor...policy.ceiling).contains(limiter.limit))
            }
        }
    }
}
