import ArgumentParser
import CardumeCore

struct IdleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "What a worker costs that owns partitions and has nothing to do.",
        discussion: """
            One `cardume worker` with one assistant (64 partitions) and, after it, one with five (320), each alone in its cluster, \
            defaults throughout. CPU and memory of that process, and CPU of redis-server, over --seconds.
            """)

    @Option(help: "Seconds of idleness.")
    var seconds = 30
    @Option(help: "Fail when the higher of both median CPU figures, in percent of a core, is above this.")
    var maximumPercent: Double?
    @OptionGroup var options: RunOptions

    func validate() throws {
        guard self.seconds > 0 else { throw ValidationError("--seconds must be at least 1") }
    }

    func run() async throws {
        let report = try await self.options.report("idle", "idle: a worker for \(self.seconds) s") { _, progress in
            try await self.measure(["suporte"], partitions: 64, progress)
                + self.measure(
                    ["suporte", "financeiro", "comercial", "ouvidoria", "cancelamento"], partitions: 320, progress)
        }
        try report.require("worker_64_cpu_percent", atMost: self.maximumPercent)
        try report.require("worker_320_cpu_percent", atMost: self.maximumPercent)
    }

    private func measure(_ assistants: [String], partitions: Int, _ progress: ProgressBar) async throws -> [Figure] {
        let deployment = try await BenchDeployment(model: .zero, assistants: assistants)
        let worker = try await deployment.start("worker", name: "worker")
        try await ContinuousClock().sleep(for: .seconds(2))
        let owned = try await deployment.servers.query("SELECT count(*) FROM cardume.leases WHERE member IS NOT NULL")
        guard Int(owned) == partitions else { throw BenchFailure("the worker owns \(owned) partitions, not \(partitions)") }
        let (before, redisBefore, begin) = (
            worker.usage, ProcessUsage(of: deployment.servers.redis.processID), ContinuousClock.now
        )
        for second in 0..<self.seconds {
            progress.show("\(partitions) partitions", second, of: self.seconds)
            try await ContinuousClock().sleep(for: .seconds(1))
        }
        let (after, redisAfter, elapsed) = (
            worker.usage, ProcessUsage(of: deployment.servers.redis.processID), ContinuousClock.now - begin
        )
        await worker.end()
        await deployment.end()
        return [
            Figure(
                "worker_\(partitions)_cpu_percent", "\(partitions) partitions, CPU of the worker",
                ProcessUsage.percent(from: before, to: after, in: elapsed), .percentOfCore),
            Figure(
                "redis_\(partitions)_cpu_percent", "\(partitions) partitions, CPU of redis-server",
                ProcessUsage.percent(from: redisBefore, to: redisAfter, in: elapsed), .percentOfCore),
            Figure(
                "worker_\(partitions)_resident_bytes", "\(partitions) partitions, resident memory", Double(after.resident),
                .bytes),
        ]
    }
}
