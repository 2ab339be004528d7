import ArgumentParser
import CardumeActors
import CardumeCore
import CardumeRuntime
import Synchronization

struct LatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "What queue and actors add to a turn, at a fixed rate of arriving messages.",
        discussion: """
            Messages are appended by this process at their intended times, however long earlier ones take, and a turn waits for \
            --turn seconds on a timer. A worker in a process of its own measures, for each message, the time from its \
            intended append to the begin of its turn plus the time from the end of its turn to the answer that it was settled. \
            The first two seconds are part of it. Every message must come in order, exactly once.

            "load late" is how late this process itself came to append, which is part of "added": where it is large, the machine is \
            busy with something else.

            "CPU of the worker" is that process's alone, between the first and the last message.
            """)

    @Option(help: "Messages per second.")
    var rate = 180.0
    @Option(help: "Seconds of load.")
    var seconds = 30
    @Option(help: "Seconds that a turn takes.")
    var turn = 1.0
    @Option(help: "Conversations they are spread over, in turns. One conversation's turns must not overlap.")
    var conversations = 2_000
    @Option(help: "Partitions of the log.")
    var partitions = 64
    @Option(help: "Where turns are journaled: memory or postgres.")
    var journal = JournalKind.memory
    @Option(help: "Fail when the median p99, in milliseconds, is above this.")
    var maximumP99: Double?
    @OptionGroup var options: RunOptions

    private var count: Int { Int(self.rate * Double(self.seconds)) }

    func validate() throws {
        guard self.rate > 0, self.seconds > 0, self.turn >= 0, self.partitions > 0 else {
            throw ValidationError("--rate, --seconds and --partitions must be more than 0")
        }
        guard Double(self.conversations) / self.rate > self.turn else {
            throw ValidationError("--conversations must be more than --rate times --turn: else turns wait for each other")
        }
    }

    func run() async throws {
        let workload = ClusterWorkload(
            messages: self.count, conversations: self.conversations, partitions: self.partitions)
        let servers = try await BenchServers.start(database: self.journal == .postgres)
        let title =
            "latency: \(self.rate) messages/s for \(self.seconds) s, a turn of \(self.turn) s, "
            + "\(workload.conversations) conversations, journal in \(self.journal.rawValue)"
        let report = try await self.options.report("latency", title) { _, progress in
            try await self.measure(workload, servers, progress)
        }
        try report.require("added_p99_milliseconds", atMost: self.maximumP99)
    }

    private func measure(
        _ workload: ClusterWorkload, _ servers: BenchServers, _ progress: ProgressBar
    ) async throws -> [Figure] {
        try await servers.reset()
        var options = WorkerOptions(
            workload, redis: servers.redis.url, database: self.journal == .postgres ? try servers.databaseURL : nil)
        options.turnMilliseconds = Int(self.turn * 1_000)
        options.latency = true
        let worker = try await BenchWorker(options)
        try await worker.go()
        let (before, redisBefore, begin) = (worker.usage, ProcessUsage(of: servers.redis.processID), ContinuousClock.now)
        let late = Lateness()
        try await BenchLog.with(workload, servers) { log in
            let clock = SystemClock()
            try await OpenLoop.run(rate: self.rate, count: workload.messages) { index, intended in
                late.note(since: intended)
                try await log.appendNew([workload.append(index, at: clock.wallTime, intended: intended)])
                if index.isMultiple(of: 50) { progress.show("latency", index, of: workload.messages) }
            }
        }
        let (after, redisAfter, elapsed) = (
            worker.usage, ProcessUsage(of: servers.redis.processID), ContinuousClock.now - begin
        )
        let news = try await worker.settled()
        await worker.end()
        return Percentiles.figures(news.latency["added"] ?? [:], "added", "added to the turn,")
            + Percentiles.figures(news.latency["begin"] ?? [:], "begin", "append to turn,")
            + Percentiles.figures(news.latency["settle"] ?? [:], "settle", "turn to settle,")
            + Percentiles.figures(late.milliseconds, "late", "load late,")
            + [
                Figure(
                    "worker_cpu_percent", "CPU of the worker",
                    ProcessUsage.percent(from: before, to: after, in: elapsed), .percentOfCore),
                Figure(
                    "redis_cpu_percent", "CPU of redis-server",
                    ProcessUsage.percent(from: redisBefore, to: redisAfter, in: elapsed), .percentOfCore),
                Figure("resident_bytes", "resident memory", Double(news.resident), .bytes),
            ]
    }
}

private final class Lateness: Sendable {
    private let percentiles = Mutex(Percentiles())

    var milliseconds: [String: Double] { self.percentiles.withLock { $0.milliseconds } }

    func note(since intended: Int64) {
        let late = MonotonicTime.now - intended
        self.percentiles.withLock { $0.record(nanoseconds: late) }
    }
}
