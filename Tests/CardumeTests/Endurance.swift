import CardumeTesting
import Foundation
import Synchronization
import Testing

@testable import CardumeTesting

/// The whole program under load, with a fault in the middle, and what must be true when it is over.
struct Endurance {
    var deployment = ClusterDeployment.Options()
    var workers = 2
    var conversations = 30
    /// Between two messages of one conversation.
    var pause: Duration = .milliseconds(300)
    /// Accepted messages that the server itself has lost, asked when everything else is answered. Defaults to none.
    var lost: @Sendable (Scene, [Traffic.Message]) async throws -> Set<Traffic.Message> = { _, _ in [] }

    init() {
        self.deployment.sandbox.modelLatency = .zero...(.milliseconds(200))
        self.deployment.sandbox.sendLatency = .zero...(.milliseconds(2))
        self.deployment.sandbox.seed = 11
    }

    /// What a fault has to work with.
    final class Scene: Sendable {
        private struct State {
            var present: [CardumeProcess]
            var gone: [CardumeProcess] = []
        }

        let deployment: ClusterDeployment
        let traffic: Traffic
        private let state: Mutex<State>

        init(_ deployment: ClusterDeployment, _ traffic: Traffic, workers: [CardumeProcess]) {
            self.deployment = deployment
            self.traffic = traffic
            self.state = Mutex(State(present: workers))
        }

        /// Those that should be alive.
        var workers: [CardumeProcess] { self.state.withLock { $0.present } }
        /// Those that were ended, too.
        var allWorkers: [CardumeProcess] { self.state.withLock { $0.present + $0.gone } }

        func start(_ count: Int) async throws {
            let workers = try await self.deployment.startWorkers(count)
            self.state.withLock { $0.present += workers }
        }

        func terminate(_ worker: CardumeProcess) async {
            self.remove(worker)
            worker.signal(SIGTERM)
            #expect(await worker.end() == 0)
        }

        func kill(_ worker: CardumeProcess) async {
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

        /// Waits until every conversation has got another reply: until no partition is stuck.
        func progress() async throws {
            let begin = self.deployment.sandbox.sends.count
            var silent = 0
            try await Waiting.until("a reply in \(silent) conversations", within: .seconds(60)) {
                let heard = Set(self.deployment.sandbox.sends.dropFirst(begin).map(\.number))
                silent = self.traffic.conversations - heard.count
                return silent == 0
            }
        }

        /// Waits until the gateway has refused `count` webhooks, all counted.
        func refused(_ count: Int = 1) async throws {
            try await Waiting.until("\(count) refusals") { self.traffic.refusals.count >= count }
        }
    }

    struct Outcome {
        let scene: Scene
        /// Of the fault.
        let elapsed: Duration
        /// Until every conversation had another reply.
        let recovery: Duration
        let answered: Int
        let lost: Int
        let doubts: Int

        var workers: [CardumeProcess] { self.scene.allWorkers }
        var refusals: Int { self.scene.traffic.refusals.count }
    }

    /// - Parameter fault: over when it returns.
    func run(_ fault: (Scene) async throws -> Void) async throws -> Outcome {
        let deployment = try await ClusterDeployment(self.deployment)
        let traffic = Traffic(conversations: self.conversations)
        let scene = Scene(deployment, traffic, workers: try await deployment.startAll(workers: self.workers))
        async let load: Void = traffic.run(through: deployment, pause: self.pause)
        try await scene.progress()
        let clock = ContinuousClock()
        let elapsed = try await clock.measure { try await fault(scene) }
        let recovery = try await clock.measure { try await scene.progress() }
        traffic.stop()
        try await load
        let outcome = try await self.conclude(scene, elapsed: elapsed, recovery: recovery)
        #expect(scene.workers.allSatisfy { !$0.hasEnded })
        for worker in scene.workers { worker.signal(SIGTERM) }
        for worker in scene.workers { #expect(await worker.end() == 0) }
        return outcome
    }

    /// Nothing was lost, nothing out of order, nothing repeated but sends in doubt, and the database says the same. A reply that
    /// was twice in doubt, because its sender was interrupted twice, is parked as a dead letter: known, not lost.
    private func conclude(_ scene: Scene, elapsed: Duration, recovery: Duration) async throws -> Outcome {
        let (deployment, traffic) = (scene.deployment, scene.traffic)
        let drain = try await ContinuousClock().measure {
            try await Waiting.until("an empty log", within: .seconds(90)) { try await deployment.depth() == 0 }
        }
        let comparison = traffic.compare(with: deployment.sandbox.sends)
        let lost = try await self.lost(scene, comparison.missing)
        let parked = try await deployment.rows(
            "SELECT message_id FROM cardume.dead_letters WHERE category = 'send_in_doubt' AND error <> ''")
        let missing = Set(comparison.missing).subtracting(lost).filter { !parked.contains($0.id) }
        #expect(missing.isEmpty, "lost: \(missing.map(\.id).sorted())")
        #expect(comparison.disordered.isEmpty, "\(comparison.disordered.prefix(3))")
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        let again = deployment.sandbox.sendRequests - comparison.answered
        #expect(again <= doubts)
        #expect(comparison.repeats <= doubts)
        #expect(parked.count * 2 <= doubts)
        let turns = try await deployment.number("SELECT count(*) FROM cardume.turns")
        #expect((comparison.answered...(comparison.answered + parked.count)).contains(turns))
        let states = try await deployment.rows("SELECT DISTINCT state FROM cardume.sends ORDER BY state")
        #expect(states == (parked.isEmpty ? ["accepted"] : ["accepted", "parked"]))
        #expect(try await deployment.number("SELECT count(*) FROM cardume.dead_letters") == parked.count)
        let workers = scene.allWorkers
        print(
            """
            fault of \(elapsed): progress after \(recovery), drained after \(drain), \(comparison.answered) of \(traffic.accepted) answered, \
            \(lost.count) lost by the server, refusals \(traffic.refusals.byStatus), \(workers.sum("lost")) partitions lost, \
            \(doubts) sends in doubt, \(again) sent again, \(parked.count) parked
            """)
        #expect(recovery < .seconds(15))
        #expect(traffic.refusals.byStatus.keys.allSatisfy { $0 == 503 }, "\(traffic.refusals.byStatus)")
        // Once a second for each dependency, and what is logged once.
        let seconds = Int(elapsed.components.seconds + recovery.components.seconds) + 5
        for worker in workers {
            let errors = worker.lines("\"level\":\"error\"").count + worker.lines("\"level\":\"warning\"").count
            #expect(errors <= 4 * seconds + 64, "\(errors) lines of trouble in about \(seconds) seconds")
        }
        return Outcome(
            scene: scene, elapsed: elapsed, recovery: recovery, answered: comparison.answered, lost: lost.count, doubts: doubts)
    }
}
