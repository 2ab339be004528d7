/// A row of the fault matrix that can be run.
package struct Fault: Sendable {
    /// How it is asked for.
    package let name: String
    /// What is done to the deployment.
    package let injection: String
    /// What is expected beside what is expected of every fault: no message lost, none answered out of order, no reply repeated
    /// without a counted doubt, progress within 15 s.
    package let expectation: String
    let configure: @Sendable (inout FaultTrial) -> Void
    let strike: @Sendable (FaultScene, _ seed: UInt64) async throws -> Void
    let judge: @Sendable (FaultOutcome) -> Void
    /// Why it cannot be run here; `nil` when it can.
    let obstacle: @Sendable () -> String?

    /// - Parameters:
    ///   - strike: the fault, which is over when it returns; told a seed for what is random.
    ///   - judge: says in the outcome's scene whether it did bite.
    init(
        _ name: String, _ injection: String, expectation: String,
        configure: @escaping @Sendable (inout FaultTrial) -> Void = { _ in },
        obstacle: @escaping @Sendable () -> String? = { nil },
        strike: @escaping @Sendable (FaultScene, _ seed: UInt64) async throws -> Void,
        judge: @escaping @Sendable (FaultOutcome) -> Void = { _ in }
    ) {
        self.name = name
        self.injection = injection
        self.expectation = expectation
        self.configure = configure
        self.obstacle = obstacle
        self.strike = strike
        self.judge = judge
    }

    /// What came of it.
    package enum Result: Sendable {
        case passed(FaultOutcome)
        case failed([String], FaultOutcome?)
        /// Not run, and why.
        case notHere(String)
    }

    /// Starts everything, runs the fault, and ends everything.
    package func run(seed: UInt64) async -> Result {
        if let obstacle = self.obstacle() { return .notHere(obstacle) }
        var trial = FaultTrial(seed: seed)
        self.configure(&trial)
        do {
            let outcome = try await trial.run { try await self.strike($0, seed) }
            self.judge(outcome)
            return outcome.violations.isEmpty ? .passed(outcome) : .failed(outcome.violations, outcome)
        } catch {
            return .failed(["\(error)"], nil)
        }
    }
}

/// All that can be run, and what cannot.
package enum FaultMatrix {
    package static let all = Self.workers + Self.redis + Self.links + Self.postgres + Self.gateway

    /// Faults that this runner does not have, and what looks at them instead.
    package static let elsewhere: [(fault: String, where: String)] = [
        (
            "a process frozen between its last look at its lease and its request",
            "`cardume-bench simulate`, which can stop a process between any two steps"
        ),
        (
            "wall clocks that are wrong, or jump",
            "`cardume-bench simulate`: libfaketime and jemalloc lock each other out at start"
        ),
        ("one of several gateway servers down", "`cardume-bench routing`, which kills one of three"),
        ("one conversation floods the others", "`cardume-bench isolation` (flooded) and the tests of credits and read-ahead"),
        ("the scaling metric missing, zero or repeated by every pod", "`cardume autoscale simulate`"),
    ]
}
