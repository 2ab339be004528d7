import ArgumentParser
import CardumeLoad

struct FindLimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find-limit",
        abstract: "Looks for the highest rate that keeps the objectives.",
        discussion: """
            Doubles the rate until it is too much, then halves the distance, until the limit is known to --precision. Between two attempts \
            everything is answered. Too much is what failed twice, and what the generator itself could not send in time.
            """)

    @Option(help: "First rate, in messages per second.") var start = 50.0
    @Option(help: "Length of each attempt.") var step = Length(seconds: 30)
    @Option(help: "How exactly to know the limit, as a share of it.") var precision = 0.05
    @OptionGroup var options: LoadSession.Options

    func validate() throws {
        guard self.start >= 1, self.step.seconds > 0, (0.001...1).contains(self.precision) else {
            throw ValidationError("--start is 1 or more, --step more than 0, --precision 0.001 to 1")
        }
    }

    func run() async throws {
        let objectives = try self.options.judge.objectives(else: .standard)
        let first = LoadStep(name: "", rate: self.start, seconds: self.step.seconds)
        let session = LoadSession(
            mode: "find-limit", options: self.options, objectives: objectives, planned: [first], isPlanWhole: false)
        let (start, precision, seconds, bound) = (
            self.start, self.precision, self.step.seconds, self.options.judge.lateness.seconds
        )
        try await session.run { run in
            let search = LimitSearch(start: start, most: run.limits.rate, precision: precision)
            return try await Self.search(search, run, objectives, seconds, bound)
        }
    }

    private static func search(
        _ search: LimitSearch, _ run: LoadRun, _ objectives: Objectives, _ seconds: Double, _ bound: Double
    ) async throws -> RunResults.Search? {
        var search = search
        var trials: [RunResults.Search.Trial] = []
        while case .attempt(let rate) = search.next, !run.hasStopped {
            let name = "\(trials.count + 1): \(Numbers.short((rate * 10).rounded() / 10))/s"
            try await run.perform([LoadStep(name: name, rate: rate, seconds: seconds)])
            try await run.settle()
            let steps = run.snapshot.steps.suffix(1)
            let verdict = Verdict(Array(steps), objectives, latenessBound: bound)
            trials.append(.init(rate: rate, outcome: verdict.outcome, reasons: verdict.reasons))
            search.attempted(passed: verdict.outcome == .passed)
        }
        guard case .done(let limit, let isCeiling) = search.next else { return nil }
        return .init(limit: limit, isCeiling: isCeiling, trials: trials)
    }
}
