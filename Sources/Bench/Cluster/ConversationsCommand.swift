import ArgumentParser
import CardumeActors
import CardumeCore
import CardumeRuntime

struct ConversationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conversations",
        abstract: "Thousands of turns in flight in one worker, or many conversations known and idle.",
        discussion: """
            Turns in flight: a log preloaded with one message for each of --in-flight conversations for every second of \
            --seconds, drained by a worker in a process of its own whose turns wait for --turn seconds on a timer. The rate is \
            that between the first message's end and the last but one turn's time, read each second; a turn that costs nothing \
            would give --in-flight messages per --turn.

            With --idle: that many conversations have one message each, in ten portions; after each portion all conversations \
            have been idle for long enough to leave memory. Compared are resident memory after the first portion and after the \
            last: what is known lives in the database.

            Every message must come in order, exactly once.
            """)

    @Option(help: "Turns in flight.")
    var inFlight = 15_000
    @Option(help: "Seconds that a turn takes.")
    var turn = 1.0
    @Option(help: "How many turns each conversation has, one after the other.")
    var seconds = 20
    @Option(help: "Measure this many idle conversations instead.")
    var idle: Int?
    @Option(help: "Partitions of the log.")
    var partitions = 64
    @Option(help: "Where turns are journaled: memory or postgres. With --idle always postgres.")
    var journal = JournalKind.memory
    @Option(help: "Fail when the median rate, in messages per second, is below this.")
    var minimumRate: Double?
    @OptionGroup var options: RunOptions

    private var hasDatabase: Bool { self.journal == .postgres || self.idle != nil }

    func validate() throws {
        guard self.inFlight > 0, self.seconds > 3, self.turn > 0, self.partitions > 0, self.idle ?? 10 >= 10 else {
            throw ValidationError("--seconds must be at least 4, --idle at least 10, all other numbers more than 0")
        }
    }

    func run() async throws {
        let servers = try await BenchServers.start(database: self.hasDatabase)
        if let idle = self.idle {
            let title = "conversations: \(idle) known and idle, journal in postgres"
            _ = try await self.options.report("conversations", title) { _, progress in
                try await self.measureIdle(idle, servers, progress)
            }
        } else {
            let title = "conversations: \(self.inFlight) turns of \(self.turn) s in flight, journal in \(self.journal.rawValue)"
            let report = try await self.options.report("conversations", title) { _, progress in
                try await self.measureInFlight(servers, progress)
            }
            try report.require("sustained_per_second", atLeast: self.minimumRate)
        }
    }

    private func worker(
        _ workload: ClusterWorkload, _ servers: BenchServers, _ change: (inout WorkerOptions) -> Void
    ) async throws -> BenchWorker {
        var options = WorkerOptions(
            workload, redis: servers.redis.url, database: self.hasDatabase ? try servers.databaseURL : nil)
        change(&options)
        return try await BenchWorker(options)
    }

    private func measureInFlight(_ servers: BenchServers, _ progress: ProgressBar) async throws -> [Figure] {
        let workload = ClusterWorkload(
            messages: self.inFlight * self.seconds, conversations: self.inFlight, partitions: self.partitions)
        try await servers.reset()
        _ = try await Ceiling(servers).append(workload, batch: 64, inFlight: 64)
        let worker = try await self.worker(workload, servers) { options in
            options.turnMilliseconds = Int(self.turn * 1_000)
            options.slots = 2 * self.inFlight
            // Room for two messages of each conversation, the one that runs and the next, and for partitions with more of them.
            options.credits = max(512, 2 * self.inFlight / self.partitions + 40)
        }
        let before = worker.usage
        try await worker.go()
        let begin = ContinuousClock.now
        var samples: [WorkerNews] = []
        while samples.last?.finished ?? 0 < workload.messages - 2 * self.inFlight {
            try await ContinuousClock().sleep(for: .milliseconds(500))
            samples.append(try await worker.snapshot())
            progress.show("conversations", samples.last?.finished ?? 0, of: workload.messages)
        }
        let (after, elapsed) = (worker.usage, ContinuousClock.now - begin)
        _ = try await worker.settled()
        await worker.end()
        let steady = samples.filter { $0.finished > self.inFlight }
        guard let first = steady.first, let last = steady.last, last.seconds > first.seconds else {
            throw BenchFailure("too short to measure; use more --seconds")
        }
        return [
            Figure(
                "sustained_per_second", "sustained",
                Double(last.finished - first.finished) / (last.seconds - first.seconds), .messagesPerSecond),
            Figure(
                "running", "turns in flight, mean", steady.map { Double($0.running) }.reduce(0, +) / Double(steady.count),
                .count),
            Figure("resident_bytes", "resident memory, most", Double(samples.map(\.resident).max() ?? 0), .bytes),
            Figure("allocated_bytes", "allocated (jemalloc)", Double(last.allocator.allocated), .bytes),
            Figure(
                "worker_cpu_percent", "CPU of the worker", ProcessUsage.percent(from: before, to: after, in: elapsed),
                .percentOfCore),
        ]
    }

    private func measureIdle(_ idle: Int, _ servers: BenchServers, _ progress: ProgressBar) async throws -> [Figure] {
        let portions = 10
        let size = idle / portions
        let workload = ClusterWorkload(messages: size * portions, conversations: size * portions, partitions: self.partitions)
        try await servers.reset()
        let worker = try await self.worker(workload, servers) { $0.idleSeconds = 1 }
        try await worker.go()
        let afterFirst = try await BenchLog.with(workload, servers) { log in
            let now = SystemClock().wallTime
            var first: WorkerNews?
            for portion in 0..<portions {
                try await log.appendNew((portion * size..<(portion + 1) * size).map { workload.append($0, at: now) })
                try await self.waitUntilIdle(worker, finished: (portion + 1) * size)
                if first == nil { first = try await self.rested(worker) }
                progress.show("conversations", portion + 1, of: portions)
            }
            return first
        }
        let last = try await self.rested(worker)
        _ = try await worker.settled()
        await worker.end()
        guard let first = afterFirst else { throw BenchFailure("nothing was measured") }
        return [
            Figure("resident_first_bytes", "resident with \(size) known", Double(first.resident), .bytes),
            Figure("resident_bytes", "resident with \(size * portions) known", Double(last.resident), .bytes),
            Figure("allocated_first_bytes", "allocated with \(size) known", Double(first.allocator.allocated), .bytes),
            Figure("allocated_bytes", "allocated with \(size * portions) known", Double(last.allocator.allocated), .bytes),
            Figure("in_memory", "conversations in memory at the end", last.conversations),
        ]
    }

    private func waitUntilIdle(_ worker: BenchWorker, finished: Int) async throws {
        while true {
            let news = try await worker.snapshot()
            if news.finished == finished, news.conversations == 0 { return }
            try await ContinuousClock().sleep(for: .milliseconds(200))
        }
    }

    /// The allocator gives pages back some ten seconds after they were last used.
    private func rested(_ worker: BenchWorker) async throws -> WorkerNews {
        try await ContinuousClock().sleep(for: .seconds(15))
        return try await worker.snapshot()
    }
}
