/// Draining a preloaded log once, by a worker in a process of its own.
struct EngineRun: Sendable {
    let workload: ClusterWorkload
    var journal = JournalKind.memory
    var credits = 512
    var metrics = false

    /// What the worker said, and how much CPU it and Redis used.
    struct Outcome: Sendable {
        var news: WorkerNews
        var worker: Duration
        var redis: Duration
    }

    /// Empties the stores and fills the log.
    func preload(_ servers: BenchServers, _ ceiling: Ceiling) async throws {
        try await servers.reset()
        _ = try await ceiling.append(self.workload, batch: 64, inFlight: 64)
    }

    func measure(_ servers: BenchServers, _ ceiling: Ceiling) async throws -> Outcome {
        try await self.preload(servers, ceiling)
        var options = WorkerOptions(
            self.workload, redis: servers.redis.url, database: self.journal == .postgres ? try servers.databaseURL : nil)
        options.credits = self.credits
        options.metrics = self.metrics
        let worker = try await BenchWorker(options)
        let (workerBefore, redisBefore) = (worker.usage, ProcessUsage(of: servers.redis.processID))
        try await worker.go()
        let news = try await worker.settled()
        let (workerAfter, redisAfter) = (worker.usage, ProcessUsage(of: servers.redis.processID))
        await worker.end()
        return Outcome(
            news: news, worker: workerAfter.cpu - workerBefore.cpu, redis: redisAfter.cpu - redisBefore.cpu)
    }
}
