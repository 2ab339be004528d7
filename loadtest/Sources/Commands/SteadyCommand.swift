import ArgumentParser
import CardumeLoad

struct SteadyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "steady", abstract: "One rate for a while.")

    @Option(help: "Messages per second.") var rate = 50.0
    @Option(help: "How long, such as 30s or 5m.") var length = Length(seconds: 60)
    @OptionGroup var options: LoadSession.Options

    func validate() throws {
        guard self.rate > 0, self.length.seconds > 0 else { throw ValidationError("--rate and --length must be more than 0") }
    }

    func run() async throws {
        let step = LoadStep(name: "steady", rate: self.rate, seconds: self.length.seconds)
        let session = LoadSession(
            mode: "steady", options: self.options, objectives: try self.options.judge.objectives(else: .standard),
            planned: [step])
        try await session.run { run in
            try await run.perform([step])
            try await run.settle()
            return nil
        }
    }
}
