import ArgumentParser
import CardumeLoad

struct StressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stress",
        abstract:
            "More than the target takes: what is refused must be told when to come back, what is accepted must be answered.",
        discussion: """
            A run in which nothing was refused is invalid. With --local, give few slots (--workers 1 --slots 10): an assistant whose \
            queue has --threshold messages then refuses more.
            """)

    @Option(help: "Messages per second.") var rate = 250.0
    @Option(help: "How long.") var length = Length(seconds: 60)
    @Option(help: "With --local: unsettled messages of an assistant from which its door refuses more.") var threshold = 300
    @OptionGroup var options: LoadSession.Options

    func validate() throws {
        guard self.rate > 0, self.length.seconds > 0, self.threshold > 0 else {
            throw ValidationError("--rate, --length and --threshold must be more than 0")
        }
    }

    func run() async throws {
        let step = LoadStep(name: "stress", rate: self.rate, seconds: self.length.seconds)
        var session = LoadSession(
            mode: "stress", options: self.options, objectives: try self.options.judge.objectives(else: .stress), planned: [step]
        )
        session.isBeyondCapacity = true
        session.door = [
            "load: { queue_threshold: \(self.threshold), pending_threshold: 0, on_critical: { evolution: reject, meta: reject } }"
        ]
        try await session.run { run in
            try await run.perform([step])
            try await run.settle()
            return nil
        }
    }
}
