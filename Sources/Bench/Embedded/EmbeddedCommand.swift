import ArgumentParser
import CardumeCore
import FoundationEssentials

struct EmbeddedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embedded",
        abstract: "Drains a preloaded embedded log with a no-op turn and compares it with a plain GRDB loop.",
        discussion: """
            Both do the same inserts and deletes on the same tables with the same settings (WAL, synchronous = FULL): the \
            plain loop one after the other in batches of 100 on one thread, the engine through its log, its partitions and \
            conversations, and its journal. "ratio" is the plain loop's time divided by the engine's.
            """
    )

    @Option(help: "Messages in all.")
    var messages = 150_000
    @Option(help: "Conversations they are spread over.")
    var conversations = 15_000
    @Option(help: "Shards. Defaults to one per core.")
    var shards: Int?
    @Option(help: "Repeat until this many seconds have passed, and report the median run.")
    var seconds = 0
    @Option(help: "Fail when the median ratio is below this.")
    var minimumRatio: Double?
    @Option(help: "Where the data files go. Defaults to a new temporary folder, removed afterwards.")
    var folder: String?
    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    func validate() throws {
        guard self.messages > 0, self.conversations > 0, self.conversations <= self.messages else {
            throw ValidationError("--messages must be at least --conversations, and both at least 1")
        }
        guard self.shards ?? 1 > 0 else { throw ValidationError("--shards must be at least 1") }
    }

    func run() async throws {
        let root = self.folder ?? TemporaryFolder.make("cardume-bench")
        defer { if self.folder == nil { try? FileManager.default.removeItem(atPath: root) } }
        let clock = ContinuousClock()
        let begin = clock.now
        var runs: [EmbeddedReport] = []
        repeat {
            let progress = ProgressBar(isShown: !self.json)
            let folder = "\(root)/run-\(runs.count)"
            let workload = Workload(messages: self.messages, conversations: self.conversations)
            let plain = try PlainLoop.run(workload, folder: folder + "/plain", progress: progress)
            let engine = try await EmbeddedRun.run(
                workload, folder: folder + "/engine", shards: self.shards, progress: progress)
            progress.clear()
            runs.append(EmbeddedReport(workload: workload, plain: plain, engine: engine))
            try? FileManager.default.removeItem(atPath: folder)
        } while clock.now - begin < .seconds(self.seconds)
        var median = runs.sorted { $0.ratio < $1.ratio }[runs.count / 2]
        // Later runs find the heap that earlier ones left.
        median.memory = runs[0].memory
        print(self.json ? try median.json(runs: runs.count) : median.text(runs: runs.count))
        if let minimumRatio, median.ratio < minimumRatio {
            throw BenchFailure("ratio \(median.ratio) is below \(minimumRatio)")
        }
    }
}
