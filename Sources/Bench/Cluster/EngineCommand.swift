import ArgumentParser
import CardumeCore

struct EngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine",
        abstract: "Drains a preloaded Redis log with a no-op turn, against a C program that drains the same.",
        discussion: """
            A worker in a process of its own owns all partitions, reads, hands each message to its conversation, runs a turn \
            that says nothing, journals it and settles it. Counted from the worker's start until the log is empty. Each \
            conversation's messages must come in order, each exactly once; else the command fails.

            Beside it, on the same server, with the same preloaded messages, in turns: `cardume-ceiling drain`, one connection \
            that reads the same entries and settles them with the same script; with --journal postgres also \
            `cardume-ceiling pg-turns`, one pipelined connection that inserts the same rows in transactions of 100 turns. \
            "ratio" is the worker's rate divided by the lower of them.

            With --metrics, the worker alone, with metrics and without, in turns; "metrics_ratio" is the rate with them divided by \
            the rate without.
            """)

    @Option(help: "Messages in all. Defaults to 400000, with PostgreSQL to 120000.")
    var messages: Int?
    @Option(help: "Conversations they are spread over, in turns.")
    var conversations = 15_000
    @Option(help: "Partitions of the log.")
    var partitions = 64
    @Option(help: "Where turns are journaled: memory or postgres.")
    var journal = JournalKind.memory
    @Option(help: "Messages that one partition holds in memory at most.")
    var credits = 512
    @Option(help: "Fail when the median ratio is below this.")
    var minimumRatio: Double?
    @Option(help: "Fail when the median rate, in messages per second, is below this.")
    var minimumRate: Double?
    @Flag(help: "Compare with metrics and without, instead of with the C program.")
    var metrics = false
    @Option(help: "With --metrics: fail when the median ratio is below this.")
    var minimumMetricsRatio: Double?
    @OptionGroup var options: RunOptions

    private var count: Int { self.messages ?? (self.journal == .memory ? 400_000 : 120_000) }

    func validate() throws {
        guard self.conversations > 0, self.conversations <= self.count, self.partitions > 0, self.credits > 0 else {
            throw ValidationError("--messages must be at least --conversations, and all numbers at least 1")
        }
    }

    func run() async throws {
        let workload = ClusterWorkload(
            messages: self.count, conversations: self.conversations, partitions: self.partitions)
        let servers = try await BenchServers.start(database: self.journal == .postgres)
        let ceiling = try Ceiling(servers)
        if self.metrics { return try await self.compareMetrics(workload, servers, ceiling) }
        let title =
            "engine: \(workload.messages) messages over \(workload.conversations) conversations, "
            + "\(workload.partitions) partitions, journal in \(self.journal.rawValue)"
        let report = try await self.options.report("engine", title) { run, progress in
            // In turns, so that neither always finds the machine in the state in which the other left it.
            let isCeilingFirst = run.isMultiple(of: 2)
            let steps = "run \(run + 1) of \(self.options.runs)"
            progress.show(steps, 0, of: 2)
            let early = isCeilingFirst ? try await self.limits(workload, servers, ceiling) : nil
            progress.show(steps, 1, of: 2)
            let engine = try await self.engine(workload).measure(servers, ceiling)
            let limits: Limits =
                if let early { early } else { try await self.limits(workload, servers, ceiling) }
            let rate = Double(workload.messages) / engine.news.seconds
            return [Figure("drain_per_second", "drain", rate, .messagesPerSecond)] + limits.rates
                + [Figure("ratio", "ratio", rate / limits.lowest, .ratio)]
                + [
                    Figure("worker_cpu_seconds", "CPU of the worker", engine.worker.seconds, .seconds),
                    Figure("ceiling_cpu_seconds", "CPU of the C program, Redis", limits.cpu, .seconds),
                    Figure("redis_cpu_seconds", "CPU of redis-server", engine.redis.seconds, .seconds),
                ] + engine.news.memoryFigures
        }
        try report.require("ratio", atLeast: self.minimumRatio)
        try report.require("drain_per_second", atLeast: self.minimumRate)
    }

    /// What the C program reaches.
    private struct Limits {
        var rates: [Figure]
        /// Seconds, for draining.
        var cpu: Double

        var lowest: Double { self.rates.map(\.value).min() ?? 0 }
    }

    private func limits(
        _ workload: ClusterWorkload, _ servers: BenchServers, _ ceiling: Ceiling
    ) async throws -> Limits {
        try await self.engine(workload).preload(servers, ceiling)
        let drain = try await ceiling.drain(workload)
        let redis = Figure("ceiling_per_second", "C ceiling, Redis", drain.per_second, .messagesPerSecond)
        guard self.journal == .postgres else { return Limits(rates: [redis], cpu: drain.cpu_seconds) }
        let turns = try await ceiling.turns(workload)
        let postgres = Figure(
            "postgres_ceiling_per_second", "C ceiling, PostgreSQL", turns.per_second, .messagesPerSecond)
        return Limits(rates: [redis, postgres], cpu: drain.cpu_seconds)
    }

    func engine(_ workload: ClusterWorkload, metrics: Bool = false) -> EngineRun {
        EngineRun(workload: workload, journal: self.journal, credits: self.credits, metrics: metrics)
    }
}

extension WorkerNews {
    fileprivate var memoryFigures: [Figure] {
        [
            Figure("resident_bytes", "resident memory", Double(self.resident), .bytes),
            Figure("allocated_bytes", "allocated (jemalloc)", Double(self.allocator.allocated), .bytes),
            Figure("mapped_bytes", "in physical pages (jemalloc)", Double(self.allocator.resident), .bytes),
            Figure("active_bytes", "active (jemalloc)", Double(self.allocator.active), .bytes),
            Figure("retained_bytes", "retained (jemalloc)", Double(self.allocator.retained), .bytes),
        ]
    }
}
