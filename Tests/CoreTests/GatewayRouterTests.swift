import CardumeTesting
import Testing

@testable import CardumeCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite struct GatewayRouterTests {
    private static let weights = ["a": 3, "b": 2, "c": 1]
    private static let servers = ["a", "b", "c"].map { GatewayRouter.Server(name: $0, weight: Self.weights[$0] ?? 1) }
    private static let conversations = (0..<60_000).map {
        Conversation.ID(channel: "loja-uberlandia", contact: ContactID(String(5_534_990_000_000 + $0)))
    }

    private static func intent(_ conversation: Conversation.ID, server: String? = nil, doubts: Int = 0) -> SendIntent {
        SendIntent(
            id: SendIntent.ID(conversation: conversation, turn: "m", part: 0), replyAddress: "", text: "", traceID: "",
            state: doubts > 0 ? .unknown : .pending, ambiguousAttempts: doubts, server: server)
    }

    private static func routes(_ router: inout GatewayRouter, down: Set<String> = []) -> [String?] {
        self.conversations.map { conversation in
            let route = router.route(self.intent(conversation), avoiding: []) { name in
                down.contains(name ?? "") ? .away(cause: .gateway(reason: "down"), wait: .seconds(5)) : .ready
            }
            if case .server(let name) = route { return name }
            return nil
        }
    }

    private static func shares(_ routes: [String?]) -> [String: Double] {
        Dictionary(grouping: routes.compactMap(\.self)) { $0 }.mapValues { Double($0.count) / Double(routes.count) }
    }

    @Test func sharesFollowTheWeights() {
        var router = GatewayRouter(policy: .rendezvous, servers: Self.servers)
        let shares = Self.shares(Self.routes(&router))
        print("rendezvous, 3/2/1, 60,000 conversations: \(shares.sorted { $0.key < $1.key })")
        for (name, share) in ["a": 1.0 / 2, "b": 1.0 / 3, "c": 1.0 / 6] {
            #expect(abs((shares[name] ?? 0) / share - 1) < 0.01, "\(name): \(shares[name] ?? 0)")
        }
        // The control: the same without weights is far off.
        var even = GatewayRouter(policy: .rendezvous, servers: Self.servers.map { .init(name: $0.name, weight: 1) })
        #expect(abs((Self.shares(Self.routes(&even))["a"] ?? 0) * 2 - 1) > 0.3)
    }

    @Test(arguments: ["a", "b", "c"])
    func whenAServerGoesItsConversationsAloneMoveAndTheyComeBack(_ lost: String) {
        var router = GatewayRouter(policy: .rendezvous, servers: Self.servers)
        let before = Self.routes(&router)
        let without = Self.routes(&router, down: [lost])
        for (old, new) in zip(before, without) {
            #expect(new != lost)
            if old != lost { #expect(new == old) }
        }
        #expect(Self.routes(&router) == before)
        let moved = zip(before, without).filter { $0.0 == lost }.map(\.1)
        let left = Self.weights.filter { $0.key != lost }
        let total = left.values.reduce(0, +)
        for (name, share) in Self.shares(moved) {
            let expected = Double(left[name] ?? 0) / Double(total)
            #expect(abs(share / expected - 1) < 0.03, "\(name) took \(share) of them")
        }
    }

    @Test func aHigherWeightOnlyTakesAndALowerOneOnlyGives() {
        var router = GatewayRouter(policy: .rendezvous, servers: Self.servers)
        let before = Self.routes(&router)
        router.servers[2].weight = 4
        for (old, new) in zip(before, Self.routes(&router)) where old != new { #expect(new == "c") }
    }

    @Test func logarithmIsThatOfTheMathematicalLibrary() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            let value = Double.random(in: 0..<1, using: &generator) * pow(2, Double(Int.random(in: -52...0, using: &generator)))
            guard value > 0 else { continue }
            let expected = log(value)
            #expect(abs(WeightedRendezvous.logarithm(value) - expected) <= 4 * max(expected.ulp, 0x1p-53), "\(value)")
        }
        #expect(WeightedRendezvous.logarithm(1) == 0)
    }

    /// Vectors for other implementations of the rule.
    @Test func homesAreTheSameForEverybody() {
        let router = GatewayRouter(policy: .rendezvous, servers: Self.servers)
        let homes = Self.conversations.prefix(12).map { conversation in router.home(of: conversation) { _ in true }?.name ?? ""
        }
        #expect(homes.joined() == "cbaaaaacaaca")
    }

    @Test func turnsAreSmooth() {
        var turns = SmoothRoundRobin<String>()
        let order = (0..<7).compactMap { _ in turns.next(among: [("a", 5), ("b", 1), ("c", 1)]) }
        #expect(order.joined() == "aabacaa", "nginx's example")
        var router = GatewayRouter(policy: .roundRobin, servers: Self.servers)
        #expect(Self.shares(Self.routes(&router)) == ["a": 0.5, "b": 1.0 / 3, "c": 1.0 / 6])
        #expect(Self.shares(Self.routes(&router, down: ["b"])) == ["a": 0.75, "c": 0.25])
    }

    @Test(arguments: GatewayRouter.Policy.allCases)
    func aDoubtStaysWithTheServerThatMayHaveSentIt(_ policy: GatewayRouter.Policy) {
        var router = GatewayRouter(policy: policy, servers: Self.servers)
        for conversation in Self.conversations.prefix(100) {
            let doubtful = Self.intent(conversation, server: "c", doubts: 1)
            let own = router.route(doubtful, avoiding: []) { _ in .ready }
            #expect(own == .server("c"))
            let away = router.route(doubtful, avoiding: []) { name in
                name == "c" ? .away(cause: .breaker("gateway:loja/c"), wait: .seconds(9)) : .ready
            }
            #expect(away == .postponed(cause: .breaker("gateway:loja/c"), delay: .seconds(9)))
            let other = router.route(doubtful, avoiding: ["c"]) { _ in .ready }
            #expect(other == .exhausted)
        }
        let gone = Self.intent("loja:1", server: "no longer there", doubts: 1)
        guard case .server = router.route(gone, avoiding: [], availability: { _ in .ready }) else {
            Issue.record("nobody else can have sent it a second time")
            return
        }
    }

    @Test func triesEachServerOnceThenWaits() {
        var router = GatewayRouter(policy: .rendezvous, servers: Self.servers)
        var tried: Set<String?> = []
        while case .server(let name) = router.route(Self.intent("loja:1"), avoiding: tried, availability: { _ in .ready }) {
            #expect(tried.insert(name).inserted)
        }
        #expect(tried == ["a", "b", "c"])
        let last = router.route(Self.intent("loja:1"), avoiding: tried) { _ in .ready }
        #expect(last == .exhausted)
    }

    @Test func whenAllAreAwayTheFirstThatComesBackSaysHowLong() {
        var router = GatewayRouter(policy: .rendezvous, servers: Self.servers)
        let waits = ["a": 20, "b": 4, "c": 30]
        let route = router.route(Self.intent("loja:1"), avoiding: []) { name in
            .away(cause: .breaker(name ?? ""), wait: .seconds(waits[name ?? ""] ?? 0))
        }
        #expect(route == .postponed(cause: .breaker("b"), delay: .seconds(4)))
    }
}

@Suite struct TokenBucketTests {
    @Test func asManyAMinuteAsItSays() {
        var bucket = TokenBucket(TokenBucket.Settings(perMinute: 30, burst: 3))
        let times = (0..<63).map { _ in bucket.reserve(at: .zero) }
        #expect(times.prefix(4) == [.zero, .zero, .zero, .seconds(2)])
        #expect(times.last == .seconds(120))
        #expect(bucket.reserve(at: .seconds(1_000)) == .seconds(1_000))
    }

    /// Whoever comes whenever: in any stretch of time no more than its rate and the burst.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func noStretchOfTimeHasMore(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let burst = Int.random(in: 1...5, using: &generator)
        var bucket = TokenBucket(TokenBucket.Settings(perMinute: 60, burst: burst))
        var now = Duration.zero
        var times: [Duration] = []
        for _ in 0..<200 {
            now += .milliseconds(Int.random(in: 0...1_500, using: &generator))
            let time = bucket.reserve(at: now)
            #expect(time >= now)
            times.append(time)
        }
        for first in times.indices {
            for last in first..<times.count {
                let span = times[last] - times[first]
                #expect(Double(last - first + 1) <= span.seconds + Double(burst) + 1e-6)
            }
        }
    }

    /// Nobody starves: who comes goes at once, or one interval after whoever came before.
    @Test(arguments: [(60, 1), (120, 20), (1, 3), (977, 7), (100_000, 50)])
    func nobodyWaitsLongerThanThoseBeforeTake(_ perMinute: Int, _ burst: Int) {
        var generator = SeededGenerator(seed: UInt64(perMinute))
        var bucket = TokenBucket(TokenBucket.Settings(perMinute: perMinute, burst: burst))
        let interval = Duration.seconds(60) / perMinute
        var (now, latest, waited) = (Duration.zero, Duration.zero, 0)
        for index in 0..<600 {
            // Storms and lulls.
            now += interval * Double.random(in: 0...((index / 50).isMultiple(of: 2) ? 0.5 : 3), using: &generator)
            let goes = bucket.reserve(at: now)
            #expect(goes >= max(now, latest), "in the order of coming")
            #expect(goes <= max(now, latest + interval))
            if goes > now { waited += 1 }
            latest = goes
        }
        #expect(waited > 0, "the bucket was empty now and then")
    }

    @Test func noLimitIsNoWait() {
        var bucket = TokenBucket(TokenBucket.Settings(perMinute: 0))
        for _ in 0..<10 { #expect(bucket.reserve(at: .seconds(1)) == .seconds(1)) }
    }

    @Test func anotherRateCountsForThoseWhoCome() {
        var bucket = TokenBucket(TokenBucket.Settings(perMinute: 6))
        for _ in 0..<6 { _ = bucket.reserve(at: .zero) }
        bucket.update(TokenBucket.Settings(perMinute: 60), at: .zero)
        #expect(bucket.reserve(at: .zero) == .seconds(6), "a tenth of the wait it would have been")
    }
}
