import ArgumentParser
import CardumeLoad

struct SpikeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spike",
        abstract: "From nothing to full load at once, and back.",
        discussion:
            "Silence, or --base, for --before; then --rate for --length; then a trickle for --after, which must be as good as ever."
    )

    @Option(help: "Messages per second of the spike.") var rate = 250.0
    @Option(help: "How long the spike lasts.") var length = Length(seconds: 300)
    @Option(help: "Messages per second before it.") var base = 0.0
    @Option(help: "How long that lasts.") var before = Length(seconds: 15)
    @Option(help: "Messages per second after it.") var trickle = 10.0
    @Option(help: "How long that lasts.") var after = Length(seconds: 60)
    @OptionGroup var options: LoadSession.Options

    func validate() throws {
        guard self.rate > 0, self.length.seconds > 0, self.base >= 0, self.trickle >= 0 else {
            throw ValidationError("--rate and --length must be more than 0, --base and --trickle 0 or more")
        }
    }

    func run() async throws {
        let steps = [
            LoadStep(name: "before", rate: self.base, seconds: self.before.seconds),
            LoadStep(name: "spike", rate: self.rate, seconds: self.length.seconds),
            LoadStep(name: "after", rate: self.trickle, seconds: self.after.seconds),
        ]
        let session = LoadSession(
            mode: "spike", options: self.options, objectives: try self.options.judge.objectives(else: .standard), planned: steps
        )
        try await session.run { run in
            try await run.perform(steps)
            try await run.settle()
            return nil
        }
    }
}
