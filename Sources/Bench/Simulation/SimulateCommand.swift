public import ArgumentParser
import CardumeTesting

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract:
            "Runs the actors of several pods on virtual time, over stores, a model and a gateway that fail, seed by seed.",
        discussion: """
            Each seed decides who there is, what is sent and what goes wrong, and in which order things happen. What is \
            promised is checked all the time: no message lost, replies in order, none twice without a doubt, no stale commit, \
            bounded memory, progress when nothing goes wrong any more. The first seed that breaks a promise is made as short as \
            it goes and printed with its history; --seed shows it again.

            With at least 2,000 seeds and all faults, each of the interesting states must have been reached, or the command \
            fails.

            --without is the negative control: a safeguard is left out, and a broken promise must be found, or the command \
            fails.

            docs/simulator.md says what is modelled and how a history is read.
            """)

    @Option(help: "How many seeds.")
    var seeds = 1_000
    @Option(help: "The first seed.")
    var from: UInt64 = 1
    @Option(help: "This seed alone, with its plan and its history.")
    var seed: UInt64?
    @Option(parsing: .upToNextOption, help: "Only these faults: \(FaultKind.names).")
    var faults: [FaultKind] = FaultKind.allCases
    @Option(help: "Leave this safeguard out: \(Safeguard.names).")
    var without: Safeguard?
    @Option(parsing: .upToNextOption, help: "Leave these faults of the seed's plan out, by number.")
    var omitFaults: [Int] = []
    @Option(parsing: .upToNextOption, help: "Leave these messages of the seed's plan out, by number.")
    var omitMessages: [Int] = []
    @Option(help: "Seeds that run at once.")
    var jobs = 1

    func validate() throws {
        guard self.seeds > 0, self.jobs > 0 else { throw ValidationError("--seeds and --jobs must be at least 1") }
    }

    func run() throws {
        if let seed { return try self.show(seed) }
        let campaign = SimulationCampaign(
            seeds: self.from..<(self.from + UInt64(self.seeds)), jobs: self.jobs, simulation: self.simulation)
        let result = campaign.run()
        print(result.summary)
        if let failure = result.failure {
            let short = failure.shortened()
            let outcome = short.run(isRecording: true)
            self.describe(outcome, of: short)
            if self.without == nil { throw BenchFailure("seed \(failure.seed) breaks a promise") }
            return print("Without \(self.without!.rawValue), a promise is broken: the safeguard is needed.")
        }
        if let without { throw BenchFailure("nobody has missed the safeguard \(without.rawValue)") }
        let isWhole = self.seeds >= 2_000 && Set(self.faults).count == FaultKind.allCases.count
        if isWhole, !result.milestones.missing.isEmpty {
            let missing = result.milestones.missing.map(\.rawValue).joined(separator: "; ")
            throw BenchFailure("never reached: \(missing)")
        }
    }

    private func simulation(_ seed: UInt64) -> Simulation {
        var simulation = Simulation(seed: seed)
        simulation.kinds = Set(self.faults)
        if let without { simulation.without = [without] }
        simulation.omittedFaults = Set(self.omitFaults)
        simulation.omittedMessages = Set(self.omitMessages)
        return simulation
    }

    private func show(_ seed: UInt64) throws {
        let simulation = self.simulation(seed)
        let outcome = simulation.run(isRecording: true)
        self.describe(outcome, of: simulation)
        if outcome.violation != nil, self.without == nil { throw BenchFailure("seed \(seed) breaks a promise") }
    }

    private func describe(_ outcome: Simulation.Outcome, of simulation: Simulation) {
        for line in outcome.schedule + outcome.history { print(line) }
        print("")
        print("seed \(outcome.seed), history \(String(outcome.digest, radix: 16)), \(outcome.time), \(outcome.jobs) jobs")
        print("reached: \(outcome.milestones.all.map(\.rawValue).joined(separator: "; "))")
        print(outcome.violation.map { "BROKEN: \($0)" } ?? "every promise was kept")
        print("again: cardume-bench simulate \(simulation.arguments)")
    }
}

extension FaultKind: ExpressibleByArgument {
    fileprivate static var names: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }
}

extension Safeguard: ExpressibleByArgument {
    fileprivate static var names: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }
}
