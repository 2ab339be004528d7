import ArgumentParser
import CardumeCore
import CardumeTesting

struct BudgetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budgets",
        abstract: "How much of a model server's limits is used, and how many calls it refuses.",
        discussion: """
            Six `cardume worker` processes with one Redis, one PostgreSQL and more messages than they may answer; a model server \
            that enforces requests and tokens per minute, in fixed minutes and in sliding ones. Short messages, of which requests \
            run out first, then long ones, of which tokens do. Measured over --seconds after a minute's run-up: the share that was \
            used of whichever limit was nearer, and the share of calls that were answered 429.

            The server says nothing of its limits, nor when to come back: what is measured is the lease alone. The last two are the \
            control: each worker reaches the server at an address of its own, and so has a budget of its own.
            """)

    @Option(help: "Worker processes.")
    var workers = 6
    @Option(help: "Requests per minute that the server allows.")
    var requests = 600
    @Option(help: "Tokens per minute that the server allows.")
    var tokens = 60_000
    @Option(help: "Seconds to measure, in whole minutes for fixed windows.")
    var seconds = 120
    @Option(help: "Seconds before that.")
    var runUp = 60
    @Flag(help: "Leave the control out.")
    var skipsControl = false
    @Option(help: "Fail when the lowest share used is below this.")
    var minimumUse: Double?
    @Option(help: "Fail when the highest share refused is above this.")
    var maximumRefused: Double?
    @OptionGroup var options: RunOptions

    private struct Load {
        let name: String
        let label: String
        let window: String
        /// Characters in addition to the usual message, which has some 50 tokens with its answer.
        let padding: Int
        let isShared: Bool
    }

    func validate() throws {
        guard (1...200).contains(self.workers), self.requests > 0, self.tokens > 0, self.seconds > 0, self.runUp >= 0 else {
            throw ValidationError("all numbers must be more than 0, and --workers at most 200")
        }
    }

    func run() async throws {
        let title = "budgets: \(self.workers) workers, \(self.requests) requests and \(self.tokens) tokens a minute"
        let loads =
            ["fixed", "sliding"].flatMap { window in
                [
                    Load(
                        name: "\(window)_short", label: "\(window) minutes, short messages", window: window, padding: 0,
                        isShared: true),
                    Load(
                        name: "\(window)_long", label: "\(window) minutes, long messages", window: window, padding: 300,
                        isShared: true),
                ]
            }
            + (self.skipsControl ? [] : ["fixed", "sliding"]).map {
                Load(name: "\($0)_control", label: "\($0) minutes, nothing shared", window: $0, padding: 0, isShared: false)
            }
        let report = try await self.options.report("budgets", title) { _, progress in
            var figures: [Figure] = []
            for load in loads { figures += try await self.measure(load, progress) }
            return figures
        }
        for load in loads where load.isShared {
            try report.require("\(load.name)_used_percent", atLeast: self.minimumUse.map { $0 * 100 })
            try report.require("\(load.name)_refused_percent", atMost: self.maximumRefused.map { $0 * 100 })
        }
    }

    private func measure(_ load: Load, _ progress: ProgressBar) async throws -> [Figure] {
        let limits = SandboxOptions.Limits(
            requests: self.requests, tokens: self.tokens, window: load.window,
            host: load.isShared ? "127.0.0.1" : "0.0.0.0")
        let deployment = try await BenchDeployment(model: .milliseconds(500), limits: limits)
        let gateway = try await deployment.start("gateway", name: "gateway")
        var workers: [CardumeInstance] = []
        for number in 1...self.workers {
            workers.append(
                try await deployment.start(
                    "worker", name: "worker-\(number)", modelHost: load.isShared ? "127.0.0.1" : "127.0.0.\(number + 1)"))
        }
        try await self.flood(deployment, gateway, load)
        let end = self.runUp + self.seconds
        try await self.pause(self.runUp, from: 0, of: end, load, progress)
        let (before, begin) = (try await deployment.sandbox.use(), ContinuousClock.now)
        try await self.pause(self.seconds, from: self.runUp, of: end, load, progress)
        let (after, elapsed) = (try await deployment.sandbox.use(), ContinuousClock.now - begin)
        for worker in workers { await worker.end() }
        await gateway.end()
        await deployment.end()
        let minutes = elapsed.seconds / 60
        let admitted = Double(after.admitted - before.admitted)
        let tokens = Double(after.tokens - before.tokens)
        let refused = Double(after.refused - before.refused)
        let used = max(admitted / minutes / Double(self.requests), tokens / minutes / Double(self.tokens))
        return [
            Figure("\(load.name)_used_percent", "\(load.label): used", used * 100, .percent),
            Figure(
                "\(load.name)_refused_percent", "\(load.label): refused", refused / max(1, refused + admitted) * 100, .percent),
        ]
    }

    /// Half as many messages again as can be answered, each of a conversation of its own.
    private func flood(_ deployment: BenchDeployment, _ gateway: CardumeInstance, _ load: Load) async throws {
        let count = self.requests * (self.runUp + self.seconds) / 40
        let (client, port, padding) = (deployment.client, gateway.port, load.padding)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for first in 0..<32 {
                group.addTask {
                    for index in stride(from: first, to: count, by: 32) {
                        try await client.deliver(index, of: count, to: port, padding: padding)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func pause(
        _ seconds: Int, from first: Int, of all: Int, _ load: Load, _ progress: ProgressBar
    ) async throws {
        for second in 0..<seconds {
            progress.show(load.label, first + second, of: all)
            try await ContinuousClock().sleep(for: .seconds(1))
        }
    }
}
