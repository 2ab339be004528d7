import ArgumentParser

struct GrowthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "growth",
        abstract: "How the cost of a message grows with backlog, conversations and partitions.",
        discussion: """
            Each size is drained as `engine` drains it, journal in memory, by a worker in a process of its own. One thing differs \
            from the base at a time. "grown" is the worker's CPU for a message divided by that at the base, in the same run: 1 \
            is a cost that does not grow. Each conversation's messages must come in order, each exactly once; else the command \
            fails.

            How cost grows with workers: `cardume-loadtest steady --local --workers N`, whose results tell the CPU of a message.
            """)

    @Option(help: "Messages of the base; backlogs are an eighth of it, a half, twice and eight times as many.")
    var messages = 120_000
    @Option(help: "Conversations of the base, which are as many as there may be at most where the backlog is smaller.")
    var conversations = 15_000
    @Option(help: "Partitions of the base.")
    var partitions = 64
    @Option(help: "Fail when a median of \"grown\" is above this.")
    var maximumGrowth: Double?
    @OptionGroup var options: RunOptions

    /// The base with one thing changed.
    private struct Size {
        let name: String
        let label: String
        let workload: ClusterWorkload
    }

    private static let columns = [
        ("cpu", "worker"), ("grown", "grown"), ("redis", "Redis"), ("rate", "drained"), ("resident", "resident"),
    ]

    private var sizes: [Size] {
        let backlogs = [self.messages / 8, self.messages / 2, 2 * self.messages, 8 * self.messages].map { messages in
            self.size("messages", messages: messages)
        }
        let conversations = [100, 1_000, self.messages].map { self.size("conversations", conversations: $0) }
        let partitions = [8, 256, 1_024].map { self.size("partitions", partitions: $0) }
        return [self.size("base")] + backlogs + conversations + partitions
    }

    private func size(
        _ changed: String, messages: Int? = nil, conversations: Int? = nil, partitions: Int? = nil
    ) -> Size {
        let messages = messages ?? self.messages
        let workload = ClusterWorkload(
            messages: messages, conversations: min(conversations ?? self.conversations, messages),
            partitions: partitions ?? self.partitions)
        let changedTo = messages != self.messages ? messages : conversations ?? partitions
        return Size(
            name: changedTo.map { "\(changed)_\($0)" } ?? changed, label: changedTo.map { "\($0) \(changed)" } ?? changed,
            workload: workload)
    }

    func validate() throws {
        guard self.messages >= 8_000, self.partitions > 0, (1...self.messages).contains(self.conversations) else {
            throw ValidationError(
                "--messages must be at least 8000, --conversations from 1 to --messages, --partitions at least 1")
        }
    }

    func run() async throws {
        let servers = try await BenchServers.start(database: false)
        let ceiling = try Ceiling(servers)
        let sizes = self.sizes
        let title =
            "growth: \(self.messages) messages, \(self.conversations) conversations, \(self.partitions) partitions, "
            + "or as the line says; for a message"
        let table = FigureTable(rows: sizes.map { ($0.name, $0.label) }, columns: Self.columns)
        let report = try await self.options.report("growth", title, table: table) { run, progress in
            var base: Double?
            var figures: [Figure] = []
            for (index, size) in sizes.enumerated() {
                progress.show("run \(run + 1) of \(self.options.runs), \(size.label)", index, of: sizes.count)
                let outcome = try await EngineRun(workload: size.workload).measure(servers, ceiling)
                let count = Double(size.workload.messages)
                let cpu = outcome.worker.seconds / count
                let reference = base ?? cpu
                base = reference
                figures += [
                    Figure("\(size.name)_cpu", "\(size.label): worker", 1e6 * cpu, .microseconds),
                    Figure("\(size.name)_grown", "\(size.label): grown", cpu / reference, .ratio),
                    Figure("\(size.name)_redis", "\(size.label): Redis", 1e6 * outcome.redis.seconds / count, .microseconds),
                    Figure("\(size.name)_rate", "\(size.label): drained", count / outcome.news.seconds, .messagesPerSecond),
                    Figure("\(size.name)_resident", "\(size.label): resident", Double(outcome.news.resident), .bytes),
                ]
            }
            return figures
        }
        for size in sizes { try report.require("\(size.name)_grown", atMost: self.maximumGrowth) }
    }
}
