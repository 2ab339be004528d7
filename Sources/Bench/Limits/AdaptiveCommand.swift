import ArgumentParser
import CardumeCore

struct AdaptiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adaptive",
        abstract: "How well the number of turns at once follows what the model can take.",
        discussion: """
            A model server in a process of its own serves --capacity calls at once in 0.5 s each; with more in flight all of \
            them slow down in proportion. The engine runs in this process over a store in memory, calls the model over HTTP, \
            and always has more to do than can be done: 1,000 conversations with a message each at every moment. One \
            assistant, which may run up to 400 turns at once.

              fixed N        no adaptation, and so many turns at once;
              from 4, 400    adaptation, which begins there; after that the server's capacity is halved;
              refusing       adaptation from 400, before a server that answers 429 beyond its capacity instead of slowing \
            down.

            Each is measured for --measure seconds, --settle seconds after its begin or after the change (fixed limits: 5 \
            s). "limit" is the one in the middle of what it was each second, with the least and the highest; "answered" \
            turns that were journaled; "p50" how long their last attempts took; "429" the share of model calls that were \
            turned away.

            The limit must come within 25 % of the capacity, also of the halved one; adaptation must answer at least \
            --minimum-goodput times what the best fixed limit of the same run does; at most --maximum-refused percent of the \
            calls may be turned away. Otherwise the command fails.

            --fixed is the negative control: that many turns at once, without adaptation, in the place of the limiter.
            """)

    @Option(help: "Calls that the model server serves at full speed together.")
    var capacity = 40
    @Option(help: "Seconds until the limit must have settled.")
    var settle = 60
    @Option(help: "Seconds that are measured after that.")
    var measure = 30
    @Option(help: "Use this many slots instead of the limiter.")
    var fixed: Int?
    @Option(help: "Fail when the median of what adaptation answers is below this, of what the best fixed limit does.")
    var minimumGoodput = 0.9
    @Option(help: "Fail when the median share of calls turned away, in percent, is above this.")
    var maximumRefused = 2.0
    @OptionGroup var options: RunOptions

    private var sweep: [Int] { [0.5, 0.75, 1, 1.25, 1.5].map { Int((Double(self.capacity) * $0).rounded()) } }

    /// Where the limiter begins, by name.
    private var trials: [(name: String, label: String, limit: LimitTrial.Limit)] {
        if let fixed { return [("fixed", "fixed \(fixed)", .fixed(fixed))] }
        return [4, LimitTrial.ceiling].map { ("from_\($0)", "from \($0)", .adaptive(from: $0)) }
    }

    private var table: FigureTable {
        FigureTable(
            rows: self.sweep.map { ("sweep_\($0)", "fixed \($0)") }
                + self.trials.flatMap { [($0.name, $0.label), ("\($0.name)_halved", "  halved")] }
                + [("refusing", "refusing")],
            columns: [
                ("limit", "limit"), ("limit_least", "least"), ("limit_most", "most"), ("per_second", "answered"),
                ("ratio", "to the best"), ("p50_milliseconds", "p50"),
                ("refused_percent", "429"),
            ])
    }

    func validate() throws {
        guard self.capacity >= 4, self.settle >= 0, self.measure > 0, self.fixed ?? 1 > 0 else {
            throw ValidationError("--capacity must be at least 4, --measure and --fixed at least 1, --settle at least 0")
        }
    }

    func run() async throws {
        let title = "adaptive: a model of 0.5 s that serves \(self.capacity) calls at once, more to do than that"
        let report = try await self.options.report("adaptive", title, table: self.table) { _, progress in
            try await self.measureAll(progress)
        }
        var failures: [String] = []
        func expect(_ name: String, within bounds: ClosedRange<Double>) {
            let value = report.median(name)
            if !bounds.contains(value) { failures.append("\(name) \(value) is not within \(bounds)") }
        }
        for trial in self.trials {
            for (name, capacity) in [(trial.name, self.capacity), ("\(trial.name)_halved", self.capacity / 2)] {
                expect("\(name)_limit", within: 0.75 * Double(capacity)...1.25 * Double(capacity))
            }
            expect("\(trial.name)_ratio", within: self.minimumGoodput ... .infinity)
        }
        expect("refusing_refused_percent", within: 0...self.maximumRefused)
        guard failures.isEmpty else { throw BenchFailure(failures.joined(separator: "; ")) }
    }

    private func measureAll(_ progress: ProgressBar) async throws -> [Figure] {
        var figures: [Figure] = []
        var best = 0.0
        for slots in self.sweep {
            let trial = try await LimitTrial(.fixed(slots), model: self.model(refusing: false))
            let measurement = try await trial.run { try await self.settled(trial, 5, "fixed \(slots)", progress) }
            best = max(best, measurement.goodput)
            figures += measurement.figures("sweep_\(slots)")
        }
        for (name, label, limit) in self.trials {
            let trial = try await LimitTrial(limit, model: self.model(refusing: false))
            let (full, half) = try await trial.run {
                let full = try await self.settled(trial, self.settle, label, progress)
                trial.resize(capacity: self.capacity / 2)
                return (full, try await self.settled(trial, self.settle, label, progress))
            }
            figures += full.figures(name) + half.figures("\(name)_halved")
            figures.append(Figure("\(name)_ratio", "\(label), to the best", full.goodput / best, .ratio))
        }
        let limit = self.fixed.map(LimitTrial.Limit.fixed) ?? .adaptive(from: LimitTrial.ceiling)
        let trial = try await LimitTrial(limit, model: self.model(refusing: true))
        let refusing = try await trial.run { try await self.settled(trial, self.settle, "refusing", progress) }
        figures += refusing.figures("refusing")
        figures.append(Figure("refusing_ratio", "refusing, to the best", refusing.goodput / best, .ratio))
        return figures
    }

    private func model(refusing: Bool) -> SandboxOptions {
        SandboxOptions(model: .milliseconds(500), capacity: self.capacity, refusesBeyond: refusing ? self.capacity : nil)
    }

    private func settled(
        _ trial: LimitTrial, _ settle: Int, _ label: String, _ progress: ProgressBar
    ) async throws -> LimitTrial.Measurement {
        for second in 0..<settle {
            progress.show(label, second, of: settle + self.measure)
            try await ContinuousClock().sleep(for: .seconds(1))
        }
        return try await trial.measure(seconds: self.measure)
    }
}

extension LimitTrial.Measurement {
    fileprivate func figures(_ name: String) -> [Figure] {
        [
            Figure("\(name)_limit", "\(name), limit", self.limit, .count),
            Figure("\(name)_limit_least", "\(name), least limit", self.leastLimit, .count),
            Figure("\(name)_limit_most", "\(name), highest limit", self.mostLimit, .count),
            Figure("\(name)_per_second", "\(name), answered", self.goodput, .messagesPerSecond),
            Figure("\(name)_p50_milliseconds", "\(name), p50", self.p50, .milliseconds),
            Figure("\(name)_refused_percent", "\(name), 429", 100 * self.turnedAway, .percent),
        ]
    }
}
