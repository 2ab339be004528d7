import CardumeTesting
import Foundation

/// Links between one worker and a server that are cut, slow or lossy. The other workers are not touched.
extension FaultMatrix {
    package static let links: [Fault] = [
        Fault(
            "redis-link-cut", "a worker's packets to Redis vanish for 8 s: no end, no reset",
            expectation: "its leases are not renewed although PostgreSQL is there; the others take over",
            strike: { scene, _ in
                let worker = try await scene.strikeLink(.redis) { proxy, _ in
                    try await proxy.set(.stall)
                    try await scene.sleep(.seconds(8))
                    try await proxy.set(.pass)
                }
                scene.mustBite(worker.lines("\"lost\":\"").count > 0, "its partitions were taken over")
            }),
        Fault(
            "redis-answers-lost", "Redis gets what a worker sends, and its answers vanish for 8 s",
            expectation: "reads have a deadline of their own; what was done is not done twice",
            strike: { scene, _ in
                let worker = try await scene.strikeLink(.redis) { proxy, _ in
                    try await proxy.set(.swallow(after: "X"))
                    try await scene.sleep(.seconds(8))
                    try await proxy.set(.pass)
                    try await proxy.closeAll()
                }
                scene.mustBite(worker.lines("\"lost\":\"").count > 0, "its partitions were taken over")
            }),
        Fault(
            "redis-resets", "a worker's connections to Redis are reset, 20 times",
            expectation: "half-read answers are thrown away and read again",
            strike: { scene, _ in
                let worker = try await scene.strikeLink(.redis) { proxy, _ in
                    for _ in 0..<20 {
                        try await proxy.set(.reset)
                        try await scene.sleep(.milliseconds(50))
                        try await proxy.set(.pass)
                        try await scene.sleep(.milliseconds(300))
                    }
                }
                let count = worker.lines("Redis lost").count
                scene.mustBite(count > 0, "lost connections noticed: \(count)")
            }),
        Fault(
            "redis-slow", "200 ms to and from Redis, for one worker, for 15 s", expectation: "slower, and no lease lost",
            configure: { $0.deployment.timeToLive = .seconds(6) },
            strike: { scene, _ in
                let worker = try await scene.strikeLink(.redis) { proxy, _ in
                    try await proxy.set(.delay(toServer: .milliseconds(200), toClient: .milliseconds(200)))
                    let before = try await proxy.received
                    try await scene.sleep(.seconds(15))
                    scene.mustBite(try await proxy.received > before, "it went on working")
                    try await proxy.set(.pass)
                }
                scene.expect([worker].sum("lost") == 0, "it has lost leases")
            }),
        Fault(
            "database-link-cut", "a worker's packets to PostgreSQL vanish for 8 s; Redis is there",
            expectation: "others take over; nothing is settled that is not in the journal",
            strike: { scene, _ in
                let worker = try await scene.strikeLink(.database) { proxy, _ in
                    try await proxy.set(.stall)
                    try await scene.sleep(.seconds(8))
                    try await proxy.set(.pass)
                }
                scene.mustBite(worker.lines("\"lost\":\"").count > 0, "its partitions were taken over")
            }),
        Fault(
            "commit-answers-lost", "PostgreSQL commits, the answer is cut, five times",
            expectation: "what was journaled is neither done again nor in doubt",
            strike: { scene, _ in
                let worker = try await scene.strikeLink(.database) { proxy, _ in
                    try await proxy.set(.cutAfterRequest(containing: "mensagem", times: 5))
                    try await Waiting.until("five cuts", within: .seconds(60)) { try await proxy.cuts == 5 }
                }
                scene.mustBite(!worker.lines("store unavailable").isEmpty, "commits without an answer: 5")
            }),
    ]
}

extension FaultScene {
    enum Link {
        case redis, database
    }

    /// Starts another worker that reaches a server through a proxy, and lets `strike` do something to it. Afterwards it has its
    /// share of the partitions again, or a new one.
    ///
    /// - Returns: the worker.
    func strikeLink(
        _ link: Link, _ strike: (FaultyProxy, CardumeProcess) async throws -> Void
    ) async throws -> CardumeProcess {
        let server = link == .redis ? self.deployment.redis.port : self.deployment.postgres.port
        let proxy = try await FaultyProxy.start(to: server)
        let environment =
            link == .redis
            ? ["CARDUME_REDIS_URL": self.redisURL(port: proxy.port)]
            : ["CARDUME_DATABASE_URL": self.databaseURL(port: proxy.port)]
        let worker = try await self.join(environment: environment)
        try await strike(proxy, worker)
        try await self.deployment.balance(over: self.workers.count)
        // Before the proxy goes.
        await self.terminate(worker)
        return worker
    }
}
