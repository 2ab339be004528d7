import ArgumentParser
import CardumeCore

struct PipelineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "The real program end to end: webhook, log, model over HTTP, journal, send over HTTP.",
        discussion: """
            `cardume run` with Redis and PostgreSQL; a fake model and gateway in a process of their own; this process posts \
            Evolution webhooks at their intended times, however long earlier ones take. Measured is the time from the intended \
            webhook to the arrival of the reply at the gateway, less the model's time, to a millisecond, rounded up.

            With --saturate: as many webhooks as --messages says, --in-flight at a time, with a model that takes no time. The \
            rate is the number of messages divided by the time from the first webhook to the last reply: everything, this \
            program's load included, on one machine.

            Every message must be answered exactly once, in order; else the command fails.
            """)

    @Option(help: "Messages per second.")
    var rate = 180.0
    @Option(help: "Seconds of load.")
    var seconds = 30
    @Option(help: "Seconds that a model call takes.")
    var modelLatency = 1.0
    @Option(help: "Conversations the messages are spread over, in turns.")
    var conversations = 2_000
    @Flag(help: "Find the highest rate instead.")
    var saturate = false
    @Option(help: "With --saturate: messages in all.")
    var messages = 20_000
    @Option(help: "With --saturate: webhooks that are not answered yet.")
    var inFlight = 64
    @Option(help: "Fail when the median p99, in milliseconds, is above this.")
    var maximumP99: Double?
    @Option(help: "With --saturate: fail when the median rate, in messages per second, is below this.")
    var minimumRate: Double?
    @OptionGroup var options: RunOptions

    func validate() throws {
        guard self.rate > 0, self.seconds > 0, self.modelLatency >= 0, self.conversations > 0, self.messages > 0,
            self.inFlight > 0
        else { throw ValidationError("all numbers must be more than 0") }
    }

    func run() async throws {
        let model = self.saturate ? 0 : self.modelLatency
        let deployed = "\(self.conversations) conversations, a model of \(model) s, journal in postgres"
        let title =
            self.saturate
            ? "pipeline: \(self.messages) messages as fast as they go, \(deployed)"
            : "pipeline: \(self.rate) messages/s for \(self.seconds) s, \(deployed)"
        let report = try await self.options.report("pipeline", title) { _, progress in
            let deployment = try await BenchDeployment(model: .seconds(model))
            let cardume = try await deployment.start("run", name: "run")
            let figures =
                try await self.saturate
                ? self.highest(deployment, cardume, progress) : self.latency(deployment, cardume, progress)
            await cardume.end()
            await deployment.end()
            return figures
        }
        if self.saturate {
            try report.require("messages_per_second", atLeast: self.minimumRate)
        } else {
            try report.require("added_p99_milliseconds", atMost: self.maximumP99)
        }
    }

    private func latency(
        _ deployment: BenchDeployment, _ cardume: CardumeInstance, _ progress: ProgressBar
    ) async throws -> [Figure] {
        let count = Int(self.rate * Double(self.seconds))
        let (before, begin) = (cardume.usage, ContinuousClock.now)
        let times = try await deployment.load(
            rate: self.rate, count: count, conversations: self.conversations, to: cardume, progress)
        let (after, elapsed) = (cardume.usage, ContinuousClock.now - begin)
        let check = try await self.check(deployment, count, progress)
        var percentiles = Percentiles()
        let model = Int64(self.modelLatency * 1_000)
        for (index, intended) in times.milliseconds.enumerated() {
            if let arrival = check.arrivals[index] {
                percentiles.record(nanoseconds: (arrival - intended - model) * 1_000_000)
            }
        }
        return Percentiles.figures(percentiles.milliseconds, "added", "added to the model's time,")
            + [
                Figure(
                    "cardume_cpu_percent", "CPU of cardume",
                    ProcessUsage.percent(from: before, to: after, in: elapsed), .percentOfCore),
                Figure("resident_bytes", "resident memory", Double(cardume.usage.resident), .bytes),
            ] + check.figures + [Figure("webhooks_repeated", "webhooks repeated", deployment.client.repeated)]
    }

    private func highest(
        _ deployment: BenchDeployment, _ cardume: CardumeInstance, _ progress: ProgressBar
    ) async throws -> [Figure] {
        let (client, conversations, messages, stride) = (
            deployment.client, self.conversations, self.messages, self.inFlight
        )
        let before = (cardume.usage, deployment.sandbox.usage)
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for first in 0..<stride {
                group.addTask {
                    // A conversation's messages by one task: they must arrive in order.
                    for index in 0..<messages where index % conversations % stride == first {
                        try await client.deliver(index, of: conversations, to: cardume.port)
                    }
                }
            }
            try await group.waitForAll()
        }
        let accepted = ContinuousClock.now - begin
        try await deployment.sandbox.wait(for: messages, patience: .seconds(20)) {
            progress.show("replies", $0, of: messages)
        }
        let elapsed = ContinuousClock.now - begin
        let after = (cardume.usage, deployment.sandbox.usage)
        let check = try await self.check(deployment, messages, progress)
        return [
            Figure("messages_per_second", "end to end", Double(messages) / elapsed.seconds, .messagesPerSecond),
            Figure("webhooks_per_second", "webhooks accepted", Double(messages) / accepted.seconds, .messagesPerSecond),
            Figure("cardume_cpu_seconds", "CPU of cardume", (after.0.cpu - before.0.cpu).seconds, .seconds),
            Figure("sandbox_cpu_seconds", "CPU of model and gateway", (after.1.cpu - before.1.cpu).seconds, .seconds),
            Figure("resident_bytes", "resident memory", Double(cardume.usage.resident), .bytes),
        ] + check.figures
    }

    private func check(
        _ deployment: BenchDeployment, _ count: Int, _ progress: ProgressBar
    ) async throws -> DeliveryCheck {
        try await deployment.sandbox.wait(for: count, patience: .seconds(20)) { progress.show("replies", $0, of: count) }
        let check = try DeliveryCheck(
            try await deployment.sandbox.sends(), messages: count, conversations: self.conversations)
        guard check.lost + check.duplicates + check.outOfOrder == 0 else {
            throw BenchFailure(
                "\(check.lost) lost, \(check.duplicates) sent twice, \(check.outOfOrder) out of order")
        }
        return check
    }
}
