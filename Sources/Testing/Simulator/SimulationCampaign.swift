import Dispatch
import Synchronization

/// Many simulations, one seed after the other, until one breaks a promise.
package struct SimulationCampaign: Sendable {
    package struct Result: Sendable {
        package var runs = 0
        package var milestones = Milestones()
        /// Virtual.
        package var time: Duration = .zero
        package var jobs = 0
        package var elapsed: Duration = .zero
        /// Of all digests, whatever the order.
        package var digest: UInt64 = 0
        /// The one with the lowest seed among those that ran.
        package var failure: Simulation?

        package var summary: String {
            let seconds = Double(self.elapsed.components.seconds) + Double(self.elapsed.components.attoseconds) * 1e-18
            return """
                \(self.runs) seeds in \(String(Int(seconds * 10) / 10)).\(Int(seconds * 10) % 10) s \
                (\(Int(Double(self.runs) / max(seconds, 0.001))) a second), \(self.jobs / max(1, self.runs)) jobs and \
                \(self.time / max(1, self.runs)) each, histories \(String(self.digest, radix: 16)); \
                \(self.failure.map { "seed \($0.seed) breaks a promise" } ?? "every promise was kept"); \
                \(self.milestones.all.count) of \(Milestone.allCases.count) states reached
                """
        }
    }

    private let seeds: Range<UInt64>
    private let jobs: Int
    private let simulation: @Sendable (UInt64) -> Simulation

    /// - Parameter jobs: how many run at once, each on a thread of its own.
    package init(
        seeds: Range<UInt64>, jobs: Int = 1, simulation: @escaping @Sendable (UInt64) -> Simulation = { Simulation(seed: $0) }
    ) {
        self.seeds = seeds
        self.jobs = jobs
        self.simulation = simulation
    }

    /// Blocks the calling thread.
    package func run() -> Result {
        let state = Mutex((result: Result(), next: self.seeds.lowerBound))
        let began = ContinuousClock.now
        DispatchQueue.concurrentPerform(iterations: self.jobs) { _ in
            while let seed = self.take(state) {
                let simulation = self.simulation(seed)
                let outcome = simulation.run()
                state.withLock { $0.result.add(outcome, of: simulation) }
            }
        }
        var result = state.withLock { $0.result }
        result.elapsed = began.duration(to: .now)
        return result
    }

    private func take(_ state: borrowing Mutex<(result: Result, next: UInt64)>) -> UInt64? {
        state.withLock { state in
            guard state.next < self.seeds.upperBound, state.result.failure == nil else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }
}

extension SimulationCampaign.Result {
    fileprivate mutating func add(_ outcome: Simulation.Outcome, of simulation: Simulation) {
        self.runs += 1
        self.milestones.formUnion(outcome.milestones)
        self.time += outcome.time
        self.jobs += outcome.jobs
        self.digest &+= outcome.digest
        if outcome.violation != nil, self.failure.map({ $0.seed > simulation.seed }) ?? true { self.failure = simulation }
    }
}
