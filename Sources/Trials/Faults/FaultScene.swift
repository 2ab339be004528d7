import CardumeTesting
import Foundation
import Synchronization

/// What a fault has to work with, and where it notes what it sees.
package final class FaultScene: Sendable {
    private struct State {
        var present: [CardumeProcess]
        var gone: [CardumeProcess] = []
        var violations: [String] = []
        var evidence: [String] = []
        var expectedLetters = 0
        var foreignRequests = 0
        var foreignTurns = 0
    }

    package let deployment: ClusterDeployment
    package let traffic: Traffic
    private let state: Mutex<State>

    init(_ deployment: ClusterDeployment, _ traffic: Traffic, workers: [CardumeProcess]) {
        self.deployment = deployment
        self.traffic = traffic
        self.state = Mutex(State(present: workers))
    }

    // MARK: What is seen

    /// What is wrong so far.
    package var violations: [String] { self.state.withLock { $0.violations } }
    /// What shows that the fault did bite.
    package var evidence: [String] { self.state.withLock { $0.evidence } }

    /// - Parameter violation: what is wrong when the condition does not hold.
    package func expect(_ condition: Bool, _ violation: @autoclosure () -> String) {
        guard !condition else { return }
        let text = violation()
        self.state.withLock { $0.violations.append(text) }
    }

    /// A fault that does nothing proves nothing.
    package func mustBite(_ condition: Bool, _ what: String) {
        self.expect(condition, "the fault did not bite: not \(what)")
        if condition { self.state.withLock { $0.evidence.append(what) } }
    }

    // MARK: Beside the traffic

    /// Dead letters, requests to the gateway and turns that are the fault's own.
    var expectedLetters: Int { self.state.withLock { $0.expectedLetters } }
    var foreignRequests: Int { self.state.withLock { $0.foreignRequests } }
    var foreignTurns: Int { self.state.withLock { $0.foreignTurns } }

    package func ownWork(letters: Int = 0, requests: Int = 0, turns: Int = 0) {
        self.state.withLock { state in
            state.expectedLetters += letters
            state.foreignRequests += requests
            state.foreignTurns += turns
        }
    }

    // MARK: Workers

    /// Those that should be alive.
    package var workers: [CardumeProcess] { self.state.withLock { $0.present } }
    /// Those that were ended, too.
    package var allWorkers: [CardumeProcess] { self.state.withLock { $0.present + $0.gone } }

    @discardableResult
    package func start(_ count: Int, environment: [String: String] = [:]) async throws -> [CardumeProcess] {
        let workers = try await self.deployment.startWorkers(count, environment: environment)
        self.state.withLock { $0.present += workers }
        return workers
    }

    /// Starts another one and waits until it has its share of the partitions.
    package func join(environment: [String: String]) async throws -> CardumeProcess {
        let worker = try await self.start(1, environment: environment)[0]
        try await self.deployment.balance(over: self.workers.count)
        return worker
    }

    package func terminate(_ worker: CardumeProcess) async {
        self.remove(worker)
        worker.signal(SIGTERM)
        let status = await worker.end()
        self.expect(status == 0, "a terminated worker ended with status \(status)")
    }

    package func kill(_ worker: CardumeProcess) async {
        self.remove(worker)
        worker.signal(SIGKILL)
        await worker.end()
    }

    private func remove(_ worker: CardumeProcess) {
        self.state.withLock { state in
            state.present.removeAll { $0 === worker }
            state.gone.append(worker)
        }
    }

    // MARK: Waiting

    /// Waits until every conversation has got another reply: until no partition is stuck.
    package func progress() async throws {
        let begin = self.deployment.sandbox.sends.count
        var silent = 0
        try await Waiting.until("a reply in \(silent) conversations", within: .seconds(60)) {
            let heard = Set(self.deployment.sandbox.sends.dropFirst(begin).map(\.number))
            silent = self.traffic.conversationNumbers.count { !heard.contains($0) }
            return silent == 0
        }
    }

    /// Waits until the gateway has refused `count` webhooks, all counted.
    package func refused(_ count: Int = 1) async throws {
        try await Waiting.until("\(count) refusals") { self.traffic.refusals.count >= count }
    }

    package func sleep(_ duration: Duration) async throws { try await ContinuousClock().sleep(for: duration) }
}

extension Traffic {
    /// As the gateway is told them.
    fileprivate var conversationNumbers: [String] {
        (0..<self.conversations).map { "\(Load.contact($0))@s.whatsapp.net" }
    }
}
