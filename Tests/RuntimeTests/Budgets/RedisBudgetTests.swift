import CardumeCore
import CardumeTesting
import NIOPosix
import Testing

@testable import CardumeRuntime

@Suite struct RedisBudgetTests {
    private static func withCounter(
        _ script: RedisScript = RedisBudgetCounter.script,
        _ body: (RedisBudgetCounter, RedisClient, RedisServer) async throws -> Void
    ) async throws {
        let server = try await RedisServer.bare()
        let connector = try RedisConnector(.local(server.port))
        let counter = RedisBudgetCounter(
            connector: connector, prefix: "test", on: MultiThreadedEventLoopGroup.singleton.next(), script: script)
        let run = Task { await counter.run() }
        defer { run.cancel() }
        try await Waiting.until("the counter's connection") {
            (try? await counter.lease(BudgetLeaseRequest(worker: "first", limits: BudgetLimits()), of: "none")) != nil
        }
        try await server.cli("FLUSHALL")
        try await withRedisClient(.local(server.port)) { try await body(counter, $0, server) }
    }

    /// The script with a clock that tests set.
    private static let timed = RedisScript(
        RedisBudgetCounter.script.source.split(separator: "redis.call(\"TIME\")").joined(
            separator: "{0, tonumber(redis.call(\"GET\", \"now\") or 0) * 1000}"))

    /// Random requests of random workers: the script and ``BudgetLedger`` answer the same, every time.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func theScriptDoesWhatTheLedgerDoes(_ seed: UInt64) async throws {
        try await Self.withCounter(Self.timed) { counter, client, _ in
            var generator = SeededGenerator(seed: seed)
            var ledger = BudgetLedger()
            var now = Int64.random(in: 1_795_176_000_000...1_795_176_100_000, using: &generator)
            var leases: [(stamp: Int64, amount: BudgetAmount)] = []
            var granted = 0
            for _ in 0..<600 {
                now += [0, 1, 30, 200, 260, 1_100, 5_000, 70_000].randomElement(using: &generator) ?? 0
                if Int.random(in: 0..<50, using: &generator) == 0 { now -= 3_000 }
                if Int.random(in: 0..<60, using: &generator) == 0 { now -= 90_000 }
                let limits = BudgetLimits(
                    requests: [nil, 5, 600, 6_000].randomElement(using: &generator) ?? nil,
                    tokens: [nil, 900, 60_000].randomElement(using: &generator) ?? nil)
                let calls = Int.random(in: 0...12, using: &generator)
                let first = Int.random(in: 1...220, using: &generator)
                var request = BudgetLeaseRequest(
                    worker: "w\(Int.random(in: 0..<5, using: &generator))", limits: limits, calls: calls,
                    tokens: calls == 0 ? 0 : first + (calls - 1) * Int.random(in: 1...200, using: &generator),
                    firstTokens: first,
                    demand: calls + Int.random(in: 0...30, using: &generator))
                if Int.random(in: 0..<3, using: &generator) == 0, let lease = leases.popLast() {
                    request.returns = [
                        lease.stamp: BudgetAmount(
                            requests: Int.random(in: 0...lease.amount.requests, using: &generator),
                            tokens: Int.random(in: -50...lease.amount.tokens, using: &generator))
                    ]
                }
                if Int.random(in: 0..<60, using: &generator) == 0 {
                    request.closedFor = .milliseconds(Int.random(in: 1...4_000, using: &generator))
                }
                _ = try await client.send(RedisCommand("SET", "now", String(now)), slot: RedisSlot(key: "now"))
                let expected = ledger.lease(request, at: now)
                let lease = try await counter.lease(request, of: "m {1}")
                try #require(lease == expected, "\(request) at \(now)")
                granted += lease.calls
                if lease.calls > 0 { leases.append((lease.stamp, BudgetAmount(requests: lease.calls, tokens: lease.tokens))) }
            }
            #expect(granted > 100)
        }
    }

    @Test func keysShareASlotAndAreForgotten() async throws {
        try await Self.withCounter { counter, _, server in
            let limits = BudgetLimits(requests: 60, tokens: 600)
            let lease = try await counter.lease(
                BudgetLeaseRequest(worker: "w", limits: limits, calls: 1, tokens: 10, firstTokens: 10, demand: 1),
                of: "api.example/v1 m{x}")
            #expect(lease.calls == 1 && lease.tokens == 10 && lease.share == 1 && lease.workers == 1)
            let keys = Set(try await server.cli("KEYS", "*").split(separator: "\n").map(String.init))
            #expect(
                keys == ["test:{budget:api.example/v1 m_x_}:window", "test:{budget:api.example/v1 m_x_}:workers"])
            for key in keys { #expect(Int(try await server.cli("PTTL", key)) ?? 0 > 500_000) }
        }
    }

    @Test func aFlushCostsAtMostASecondsWorth() async throws {
        try await Self.withCounter { counter, _, server in
            let all = BudgetLeaseRequest(
                worker: "w", limits: BudgetLimits(requests: 600), calls: 100, demand: 100)
            #expect(try await counter.lease(all, of: "m").calls == 10)
            try await server.cli("FLUSHALL")
            #expect(try await counter.lease(all, of: "m").calls == 10)
            try await server.cli("SCRIPT", "FLUSH")
            #expect(try await counter.lease(all, of: "m").workers == 1)
        }
    }
}
