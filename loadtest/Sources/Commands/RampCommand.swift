import ArgumentParser
import CardumeLoad

struct RampCommand: AsyncParsableCommand {
    /// Rates on the command line: `10,25,50`.
    struct Rates: Sendable, ExpressibleByArgument {
        let all: [Double]

        init(_ all: [Double]) { self.all = all }

        init?(argument: String) {
            let rates = argument.split(separator: ",").map { Double($0) }
            self.all = rates.compactMap(\.self)
            guard !rates.isEmpty, rates.allSatisfy({ $0 ?? 0 > 0 }) else { return nil }
        }

        var defaultValueDescription: String { self.all.map(Numbers.short).joined(separator: ",") }
    }

    static let configuration = CommandConfiguration(
        commandName: "ramp", abstract: "One rate after the other, without a pause; each step must keep the objectives.")

    @Option(help: "Messages per second, step by step.")
    var rates = Rates([10, 25, 50, 75, 80, 100, 120, 150, 180, 200, 250])
    @Option(help: "How long each step takes.") var step = Length(seconds: 60)
    @OptionGroup var options: LoadSession.Options

    func validate() throws {
        guard self.step.seconds > 0 else { throw ValidationError("--step must be more than 0") }
    }

    func run() async throws {
        let steps = self.rates.all.map { LoadStep(name: "\(Numbers.short($0))/s", rate: $0, seconds: self.step.seconds) }
        let session = LoadSession(
            mode: "ramp", options: self.options, objectives: try self.options.judge.objectives(else: .standard), planned: steps)
        try await session.run { run in
            try await run.perform(steps)
            try await run.settle()
            return nil
        }
    }
}
