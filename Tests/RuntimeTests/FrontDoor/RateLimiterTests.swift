import CardumeCore
import CardumeTesting
import NIOPosix
import Synchronization
import Testing

@testable import CardumeRuntime

/// Limits that several processes share. Each limiter here stands for one of them.
@Suite(.timeLimit(.minutes(2))) struct RateLimiterTests {
    /// Runs `body` with limiters that are connected to `redis`.
    private static func withLimiters<Value>(
        _ count: Int, _ redis: RedisServer, _ body: ([RedisRateLimiter]) async throws -> Value
    ) async throws -> Value {
        let group = MultiThreadedEventLoopGroup.singleton
        let limiters = try (0..<count).map { _ in
            try RedisRateLimiter(try RedisSettings(url: redis.url), prefix: "cardume", on: group.next())
        }
        let runs = limiters.map { limiter in Task { await limiter.run() } }
        for limiter in limiters { await limiter.settled() }
        let result: Result<Value, any Error>
        do { result = .success(try await body(limiters)) } catch { result = .failure(error) }
        for run in runs {
            run.cancel()
            await run.value
        }
        return try result.get()
    }

    /// Requests that pass when all limiters are asked at once.
    private static func passed(
        _ limiters: [any RateLimiter], requests: Int, _ limit: RateLimit, key: RateKey = RateKey(.client, "a")
    ) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for index in 0..<requests {
                group.addTask { await limiters[index % limiters.count].take(key, limit)?.isAllowed == true }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test func oneLimitForAllProcesses() async throws {
        let redis = try await RedisServer.bare()
        let shared = try await Self.withLimiters(4, redis) {
            await Self.passed($0, requests: 2_000, RateLimit(perMinute: 120))
        }
        #expect(shared == 120)
        // Each with a window of its own: four times as many.
        let separate = await Self.passed((0..<4).map { _ in LocalRateLimiter() }, requests: 2_000, RateLimit(perMinute: 120))
        #expect(separate == 480)
        print(
            "rate limits: 120 a minute, 2,000 at once on 4 limiters: \(shared) passed with Redis, \(separate) with windows apart"
        )
    }

    @Test func callersAndDimensionsAreApart() async throws {
        let redis = try await RedisServer.bare()
        try await Self.withLimiters(1, redis) { limiters in
            let limit = RateLimit(perMinute: 5)
            for key in [RateKey(.client, "a"), RateKey(.client, "b}{"), RateKey(.phone, "a"), RateKey(.apiKey, "segredo")] {
                #expect(await Self.passed(limiters, requests: 9, limit, key: key) == 5)
            }
            let keys = try await redis.cli("KEYS", "cardume:rate:*").split(separator: "\n")
            #expect(keys.count == 4)
            #expect(!keys.contains { $0.contains("segredo") })
            for key in keys {
                let milliseconds = try #require(Int(try await redis.cli("PTTL", String(key))))
                #expect((1...61_000).contains(milliseconds), "keys go by themselves")
                #expect(try await redis.cli("LLEN", String(key)) == "5", "no more than the limit allows")
            }
        }
    }

    /// The script against the machine, on the stamps that the script gave.
    @Test func theScriptDoesWhatTheMachineDoes() async throws {
        let redis = try await RedisServer.bare()
        try await Self.withLimiters(1, redis) { limiters in
            let limits = [RateLimit(perMinute: 30, burst: 6), RateLimit(perMinute: 8), RateLimit(perMinute: 4, burst: 9)]
            for (index, limit) in limits.enumerated() {
                var window = SlidingWindow()
                let key = RateKey(.ip, "192.0.2.\(index)")
                for _ in 0..<40 {
                    let decision = try #require(await limiters[0].take(key, limit))
                    let expected = window.take(limit, at: decision.stamp)
                    #expect(decision == expected)
                }
            }
        }
    }

    @Test func whatIsGivenBackMayBeTakenAgain() async throws {
        let redis = try await RedisServer.bare()
        try await Self.withLimiters(1, redis) { limiters in
            let (key, limit) = (RateKey(.client, "a"), RateLimit(perMinute: 1))
            let first = try #require(await limiters[0].take(key, limit))
            #expect(first.isAllowed)
            #expect(await limiters[0].take(key, limit)?.isAllowed == false)
            await limiters[0].giveBack(key, first)
            #expect(await limiters[0].take(key, limit)?.isAllowed == true)
        }
    }

    @Test func withoutRedisEverybodyPasses() async throws {
        let redis = try await RedisServer.bare()
        try await Self.withLimiters(1, redis) { limiters in
            let (key, limit) = (RateKey(.client, "a"), RateLimit(perMinute: 1))
            #expect(await limiters[0].take(key, limit)?.isAllowed == true)
            try await redis.kill9()
            #expect(await limiters[0].take(key, limit) == nil, "nobody can say")
        }
    }

    @Test func memoryIsBounded() async throws {
        let now = Mutex<Int64>(0)
        let limiter = LocalRateLimiter(callers: 100) { now.withLock { $0 } }
        let limit = RateLimit(perMinute: 2)
        #expect(await limiter.take(RateKey(.ip, "first"), limit)?.remaining == 1)
        for caller in 0..<40 { _ = await limiter.take(RateKey(.ip, "\(caller)"), limit) }
        #expect(await limiter.take(RateKey(.ip, "first"), limit)?.remaining == 0, "remembered")
        for caller in 0..<1_000 { _ = await limiter.take(RateKey(.ip, "\(caller)"), limit) }
        #expect(await limiter.take(RateKey(.ip, "first"), limit)?.remaining == 1, "a crowd has come in between")
        now.withLock { $0 += 60_000_000 }
        #expect(await limiter.take(RateKey(.ip, "999"), limit)?.remaining == 1, "a minute later")
    }
}
