import CardumeCore
import CardumeTesting
import Testing

@Suite struct SlidingWindowTests {
    private static let second: Int64 = 1_000_000

    @Test func theLimitIsExactInEveryWindow() {
        var window = SlidingWindow()
        var generator = SeededGenerator(seed: 11)
        let limit = RateLimit(perMinute: 120, burst: 20)
        var (now, passed, refused): (Int64, [Int64], Int) = (0, [], 0)
        for _ in 0..<20_000 {
            now += .random(in: 0...120_000, using: &generator)
            // Counted by hand, over all that passed.
            let mayPass =
                passed.count { $0 > now - 60 * Self.second } < 120 && passed.count { $0 > now - Self.second } < 20
            let decision = window.take(limit, at: now)
            #expect(decision.isAllowed == mayPass)
            if decision.isAllowed { passed.append(now) } else { refused += 1 }
            passed.removeAll { $0 <= now - 120 * Self.second }
        }
        #expect(refused > 1_000)
    }

    /// `remaining` requests pass at once and the next does not; after `wait`, it does.
    @Test(arguments: [RateLimit(perMinute: 10, burst: 3), RateLimit(perMinute: 5), RateLimit(perMinute: 4, burst: 9)])
    func whatItPromisesIsTrue(limit: RateLimit) {
        var window = SlidingWindow()
        var generator = SeededGenerator(seed: 3)
        var now: Int64 = 0
        for _ in 0..<2_000 {
            now += .random(in: 0...(4 * Self.second), using: &generator)
            let decision = window.take(limit, at: now)
            var copy = window
            let more = (0...decision.remaining).map { _ in copy.take(limit, at: now).isAllowed }
            #expect(more == Array(repeating: true, count: decision.remaining) + [false])
            if decision.remaining == 0 {
                let wait = Int64((decision.wait / .microseconds(1)).rounded())
                var (early, due) = (window, window)
                let both = (early.take(limit, at: now + wait - 1).isAllowed, due.take(limit, at: now + wait).isAllowed)
                #expect(both == (false, true), "not before, but then")
            }
        }
    }

    @Test func aRefusalLeavesNoTrace() {
        var (bothered, calm) = (SlidingWindow(), SlidingWindow())
        let limit = RateLimit(perMinute: 3)
        for now in [0, 10, 20].map({ $0 * Self.second }) {
            let both = (bothered.take(limit, at: now).isAllowed, calm.take(limit, at: now).isAllowed)
            #expect(both == (true, true))
        }
        let refused = (21..<60).allSatisfy { !bothered.take(limit, at: $0 * Self.second).isAllowed }
        #expect(refused)
        for now in [60, 70, 80].map({ $0 * Self.second }) {
            let both = (bothered.take(limit, at: now), calm.take(limit, at: now))
            #expect(both.0 == both.1)
        }
    }

    @Test func whatIsGivenBackWasNeverTaken() {
        var window = SlidingWindow()
        let limit = RateLimit(perMinute: 2)
        let first = window.take(limit, at: 5)
        let before = [window.take(limit, at: 6).isAllowed, window.take(limit, at: 7).isAllowed]
        window.giveBack(first.stamp)
        let after = [window.take(limit, at: 7).isAllowed, window.take(limit, at: 8).isAllowed]
        #expect(before == [true, false] && after == [true, false])
    }

    @Test func aLoweredLimitAndAClockThatGoesBack() {
        var window = SlidingWindow()
        for now in 0..<10 { _ = window.take(RateLimit(perMinute: 10), at: Int64(now) * Self.second) }
        let decision = window.take(RateLimit(perMinute: 4), at: 10 * Self.second)
        #expect(decision.wait == .seconds(56), "seven have to leave, the seventh came at 6 s")
        var other = SlidingWindow()
        _ = other.take(RateLimit(perMinute: 2), at: 100 * Self.second)
        let later = (0..<2).map { _ in other.take(RateLimit(perMinute: 2), at: 0).isAllowed }
        #expect(later == [true, false])
    }

    @Test func generationsForgetTheUnused() {
        var names = Generations<Int, String>(limit: 10)
        for number in 0..<1_000 {
            names[number] = "\(number)"
            let first = names[0]
            #expect(first == "0", "used all the time")
            #expect(names.count <= 10)
        }
        let latest = (996..<1_000).map { names[$0] != nil }
        #expect(!latest.contains(false))
        let forgotten = names[500]
        #expect(forgotten == nil)
        names[0] = nil
        names.age()
        names.age()
        #expect(names.count == 0)
    }
}
