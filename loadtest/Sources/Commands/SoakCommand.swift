import ArgumentParser
import CardumeLoad

struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "One rate for long; neither latency nor memory may drift.",
        discussion: """
            Drift is tested with Mann and Kendall's rank test (p < 0.01) and measured with Theil and Sen's slope; it counts when it is \
            significant and beyond the objective. The results are kept every half minute: --resume goes on from them.
            """)

    @Option(help: "Messages per second.") var rate = 150.0
    @Option(help: "How long, of all attempts together.") var length = Length(seconds: 1_800)
    @Option(help: "`results.json` of a soak that was interrupted, to go on with what is left of its length and at its rate.")
    var resume: String?
    @OptionGroup var options: LoadSession.Options

    func validate() throws {
        guard self.rate > 0, self.length.seconds > 0 else { throw ValidationError("--rate and --length must be more than 0") }
    }

    func run() async throws {
        var step = LoadStep(name: "soak", rate: self.rate, seconds: self.length.seconds)
        var options = self.options
        var earlier: RunResults?
        if let path = self.resume {
            let results = try RunResults.read(path)
            guard results.mode == "soak", let before = results.steps.first else {
                throw LoadFailure("\(path) is not of a soak that has begun")
            }
            let rest = results.plannedSeconds - results.loadedSeconds
            guard rest >= 1 else { throw LoadFailure("\(path) is complete") }
            (step.rate, step.seconds, earlier) = (before.step.rate, rest, results)
            if options.judge.output == nil { options.judge.output = Self.folder(of: path) }
        }
        let session = LoadSession(
            mode: "soak", options: options, objectives: try options.judge.objectives(else: .soak), planned: [step],
            earlier: earlier, watchesDrift: true, keeping: .seconds(30))
        let planned = step
        try await session.run { run in
            try await run.perform([planned])
            try await run.settle()
            return nil
        }
    }

    private static func folder(of path: String) -> String {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder
    }
}
