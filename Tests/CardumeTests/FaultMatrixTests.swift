import CardumeTrials
import Testing

/// Faults under load, with the real processes and servers. Those that are left to `cardume-bench faults` differ little from these
/// or need rights that tests should not.
@Suite(.timeLimit(.minutes(10))) struct FaultMatrixTests {
    @Test(.serialized, arguments: ["worker-killed-before-answer", "scale"])
    func workers(_ name: String) async throws { try await Self.run(name) }

    @Test(
        .serialized,
        arguments: [
            "redis-killed", "redis-power-loss", "redis-failover", "redis-failover-behind", "redis-full",
            "redis-read-only", "redis-busy", "redis-asleep",
        ])
    func redis(_ name: String) async throws { try await Self.run(name) }

    @Test(
        .serialized,
        arguments: [
            "database-restarted", "database-connections-killed", "database-connections-exhausted",
            "redis-link-cut", "database-link-cut", "nemesis",
        ])
    func databaseAndLinks(_ name: String) async throws { try await Self.run(name) }

    @Test func namesAreUnique() {
        let names = FaultMatrix.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(FaultMatrix.all.allSatisfy { !$0.injection.isEmpty && !$0.expectation.isEmpty })
    }

    private static func run(_ name: String) async throws {
        let fault = try #require(FaultMatrix.all.first { $0.name == name })
        switch await fault.run(seed: 11) {
        case .passed(let outcome): print("\(name): \(outcome.description)")
        case .failed(let violations, let outcome):
            Issue.record("\(name): \(violations.joined(separator: "; ")) \(outcome?.description ?? "")")
        case .notHere(let reason): Issue.record("\(name) was not run: \(reason)")
        }
    }
}
