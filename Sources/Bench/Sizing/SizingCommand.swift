import ArgumentParser
import CardumeLoad
import CardumeTesting
import Foundation

struct SizingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sizing",
        abstract: "What a message costs here, how large a deployment must therefore be, and whether that holds.",
        discussion: """
            Runs cardume-loadtest against one worker at a quarter of the target and at the target: the difference is what messages \
            cost, the rest what an idle deployment costs. Memory of a turn: the difference between 1,000 and 5,000 turns in flight \
            in one worker. From these the plan is derived, formula by formula; then as many workers as it says run on this machine at \
            the target, and the verdict of that run is the plan's.

            Writes sizing.md, and a kustomize component with the plan, to --output. docs/sizing.md says what it does not know.
            """)

    @Option(help: "Messages per second.") var target = 180.0
    @Option(help: "Messages in the busiest hour, such as 160000/h.") var peak = Peak(perHour: 160_000)
    @Option(help: "Conversations at once.") var conversations = 15_000
    @Option(help: "How long model calls take.") var modelLatency = ModelTimes(LogNormal(median: .seconds(1), p95: .seconds(3)))
    @Option(help: "Tokens of a model call, prompt and answer.") var tokens = 800.0
    @Option(help: "Cores of a pod.") var podCores = 1.0
    @Option(help: "MiB of a pod.") var podMemory = 512.0
    @Option(help: "Seconds of each measurement.") var seconds = 60
    @Option(help: "Seconds of the plan's own run; 0 leaves it out.") var verify = 120
    @Option(help: "Folder to write to.") var output = "sizing"

    /// Messages in an hour, on the command line: `160000/h`.
    struct Peak: Sendable, ExpressibleByArgument {
        let perHour: Double

        init(perHour: Double) { self.perHour = perHour }

        init?(argument: String) {
            let number = argument.hasSuffix("/h") ? String(argument.dropLast(2)) : argument
            guard let value = Double(number), value >= 0 else { return nil }
            self.perHour = value
        }

        var defaultValueDescription: String { "\(Int(self.perHour))/h" }
    }

    func validate() throws {
        guard self.target >= 4, self.conversations > 0, self.tokens > 0, self.podCores > 0, self.podMemory >= 128 else {
            throw ValidationError("--target is 4 or more, --pod-memory 128 or more, all other numbers more than 0")
        }
        guard self.seconds >= 10, self.verify >= 0 else { throw ValidationError("--seconds is 10 or more, --verify 0 or more") }
    }

    func run() async throws {
        let folder = URL(filePath: self.output).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let loadtest = LoadtestProcess(folder: "\(folder)/runs")
        let cost = try await self.measure(loadtest)
        var assumptions = SizingPlan.Assumptions()
        (assumptions.podCores, assumptions.podMemory) = (self.podCores, self.podMemory * 1_048_576)
        let demand = SizingDemand(
            rate: self.target, peakPerHour: self.peak.perHour, conversations: Double(self.conversations),
            model: self.modelLatency.times, tokens: self.tokens)
        let plan = SizingPlan(demand, cost, assumptions)
        let verification = self.verify > 0 ? try await self.verify(plan, loadtest) : nil
        let report = SizingReport(plan: plan, verification: verification, seconds: self.seconds)
        let files = [
            "sizing.md": report.markdown, "kustomization.yaml": SizingManifest(plan: plan).component,
            "cost.json": try Self.json(cost),
        ]
        for (name, text) in files { try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"), options: .atomic) }
        print("\(report.markdown)\nwritten to \(folder)")
        if let verification, verification.verdict.outcome != "passed" {
            throw BenchFailure("the plan does not hold: \(verification.verdict.outcome)")
        }
    }

    // MARK: Measuring

    private func measure(_ loadtest: LoadtestProcess) async throws -> MessageCost {
        let low = try await self.steady("quarter", rate: self.target / 4, loadtest)
        let high = try await self.steady("target", rate: self.target, loadtest)
        guard let lowCost = low.cost, let highCost = high.cost, highCost.messages > lowCost.messages, lowCost.messages > 0
        else {
            throw BenchFailure("too little was answered to measure; see \(loadtest.folder)")
        }
        return MessageCost(
            low: lowCost, high: highCost, turnMemory: try await self.turnMemory(),
            added: (high.steps.first?.added.milliseconds(at: 50) ?? 0) / 1_000)
    }

    private func steady(_ name: String, rate: Double, _ loadtest: LoadtestProcess) async throws -> LoadtestProcess.Results {
        Self.say("measuring at \(Int(rate)) messages/s for \(self.seconds) s")
        return try await loadtest.run(
            name,
            [
                "--rate", "\(rate)", "--length", "\(self.seconds)s", "--workers", "1", "--slots", "20000", "--conversations",
                "\(self.conversations)", "--model-latency", self.modelLatency.argument,
            ])
    }

    /// Bytes.
    private func turnMemory() async throws -> Double {
        var resident: [Double] = []
        for turns in [1_000, 5_000] {
            Self.say("measuring memory with \(turns) turns in flight")
            let child = try ChildProcess(
                [Program.this.path, "conversations", "--in-flight", "\(turns)", "--seconds", "4", "--runs", "1", "--json"])
            var lines: [String] = []
            while let line = await child.nextLine() { lines.append(line) }
            await child.end()
            struct Output: Decodable { let figures: [String: Double] }
            let output = try? JSONDecoder().decode(Output.self, from: Data(lines.joined(separator: "\n").utf8))
            guard let bytes = output?.figures["resident_bytes"] else {
                throw BenchFailure("turns in flight could not be measured")
            }
            resident.append(bytes)
        }
        return max(0, resident[1] - resident[0]) / 4_000
    }

    /// Runs what was planned, all of it on this machine.
    private func verify(_ plan: SizingPlan, _ loadtest: LoadtestProcess) async throws -> LoadtestProcess.Results {
        Self.say(
            "running the plan: \(plan.pods) workers of \(plan.slotsPerPod) slots at \(Int(plan.rate)) messages/s for \(self.verify) s"
        )
        return try await loadtest.run(
            "plan",
            [
                "--rate", "\(plan.rate)", "--length", "\(self.verify)s", "--workers", "\(plan.pods)", "--slots",
                "\(plan.slotsPerPod)",
                "--process-slots", "\(plan.slotsPerPod)", "--conversations", "\(self.conversations)", "--model-latency",
                self.modelLatency.argument,
            ])
    }

    private static func json(_ cost: MessageCost) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return String(decoding: try encoder.encode(cost), as: UTF8.self) + "\n"
    }

    private static func say(_ text: String) { FileHandle.standardError.write(Data("sizing: \(text)\n".utf8)) }
}
