import ArgumentParser
import CardumeActors
import CardumeCore
import CardumeRuntime

struct AppendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Appends messages to the Redis log, against a C program that calls the same script.",
        discussion: """
            In this process, with as many calls in flight as --in-flight says: first one message per call, as webhooks come, \
            then --batch messages of one partition per call. Messages are made beforehand. Counted from the first call to the \
            last answer.

            Beside each, on the same server, in turns: `cardume-ceiling append`, one connection with the same script, the same \
            batches and the same number of calls in flight.
            """)

    @Option(help: "Messages in all.")
    var messages = 200_000
    @Option(help: "Conversations they are spread over, in turns.")
    var conversations = 15_000
    @Option(help: "Partitions of the log.")
    var partitions = 64
    @Option(help: "Calls that are not answered yet.")
    var inFlight = 64
    @Option(help: "Messages of one call when appending in batches, at most 64.")
    var batch = 64
    @Option(help: "Fail when the lower of both median ratios is below this.")
    var minimumRatio: Double?
    @OptionGroup var options: RunOptions

    func validate() throws {
        guard self.conversations > 0, self.conversations <= self.messages, self.partitions > 0, self.inFlight > 0,
            (1...64).contains(self.batch)
        else { throw ValidationError("--messages must be at least --conversations, --batch from 1 to 64, the rest at least 1") }
    }

    func run() async throws {
        let workload = ClusterWorkload(
            messages: self.messages, conversations: self.conversations, partitions: self.partitions)
        let servers = try await BenchServers.start(database: false)
        let ceiling = try Ceiling(servers)
        let title =
            "append: \(workload.messages) messages over \(workload.conversations) conversations, "
            + "\(workload.partitions) partitions, \(self.inFlight) calls in flight"
        let report = try await self.options.report("append", title) { run, progress in
            var figures: [Figure] = []
            for (step, size) in [1, self.batch].enumerated() {
                progress.show("run \(run + 1) of \(self.options.runs)", step, of: 2)
                figures += try await self.compare(workload, size: size, isCeilingFirst: run.isMultiple(of: 2), servers, ceiling)
            }
            return figures
        }
        try report.require("single_ratio", atLeast: self.minimumRatio)
        try report.require("batch_ratio", atLeast: self.minimumRatio)
    }

    private func compare(
        _ workload: ClusterWorkload, size: Int, isCeilingFirst: Bool, _ servers: BenchServers, _ ceiling: Ceiling
    ) async throws -> [Figure] {
        func limit() async throws -> Double {
            try await servers.reset()
            return try await ceiling.append(workload, batch: size, inFlight: self.inFlight).per_second
        }
        let early = isCeilingFirst ? try await limit() : 0
        try await servers.reset()
        let rate = Double(workload.messages) / (try await self.append(workload, size: size, servers)).seconds
        let ceiling = isCeilingFirst ? early : try await limit()
        let (name, label) = size == 1 ? ("single", "one per call") : ("batch", "\(size) per call")
        return [
            Figure("\(name)_per_second", label, rate, .messagesPerSecond),
            Figure("\(name)_ceiling_per_second", "\(label), C ceiling", ceiling, .messagesPerSecond),
            Figure("\(name)_ratio", "\(label), ratio", rate / ceiling, .ratio),
        ]
    }

    private func append(_ workload: ClusterWorkload, size: Int, _ servers: BenchServers) async throws -> Duration {
        let calls = workload.calls(of: size, at: SystemClock().wallTime)
        return try await BenchLog.with(workload, servers) { log in
            try await ContinuousClock().measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // As many tasks as calls in flight, which share the calls.
                    for first in 0..<self.inFlight {
                        group.addTask {
                            for index in stride(from: first, to: calls.count, by: self.inFlight) {
                                try await log.appendNew(calls[index])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}
