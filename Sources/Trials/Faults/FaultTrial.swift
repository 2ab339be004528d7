import CardumeTesting
import Foundation
import Synchronization

/// The whole program under load, with a fault in the middle, and what must be true when it is over.
package struct FaultTrial: Sendable {
    package var deployment = ClusterDeployment.Options()
    package var workers = 2
    package var conversations = 30
    /// Between two messages of one conversation.
    package var pause: Duration = .milliseconds(300)
    /// Accepted messages that the server itself has lost, asked when everything else is answered. Defaults to none.
    package var lost: @Sendable (FaultScene, [Traffic.Message]) async throws -> Set<Traffic.Message> = { _, _ in [] }
    /// Error codes that a gateway may refuse webhooks with.
    package var refusals: Set<Int> = [503]

    /// - Parameter seed: fixes what the fake model and gateway draw, and what a fault draws.
    package init(seed: UInt64) {
        self.deployment.sandbox.modelLatency = .zero...(.milliseconds(200))
        self.deployment.sandbox.sendLatency = .zero...(.milliseconds(2))
        self.deployment.sandbox.seed = seed
    }

    /// - Parameter fault: over when it returns.
    /// - Throws: when the program could not be started, or did not come back.
    package func run(_ fault: (FaultScene) async throws -> Void) async throws -> FaultOutcome {
        let deployment = try await ClusterDeployment(self.deployment)
        let traffic = Traffic(conversations: self.conversations)
        let scene = FaultScene(deployment, traffic, workers: try await deployment.startAll(workers: self.workers))
        async let load: Void = traffic.run(through: deployment, pause: self.pause)
        try await scene.progress()
        let clock = ContinuousClock()
        let elapsed = try await clock.measure { try await fault(scene) }
        let recovery = try await clock.measure { try await scene.progress() }
        traffic.stop()
        try await load
        let outcome = try await self.conclude(scene, elapsed: elapsed, recovery: recovery)
        for worker in scene.workers { scene.expect(!worker.hasEnded, "a worker has ended by itself") }
        for worker in scene.workers { worker.signal(SIGTERM) }
        for worker in scene.workers {
            let status = await worker.end()
            scene.expect(status == 0, "a worker ended with status \(status)")
        }
        return outcome
    }

    /// Nothing was lost, nothing out of order, nothing repeated but sends in doubt, and the database says the same. A reply that
    /// was twice in doubt, because its sender was interrupted twice, is parked as a dead letter: known, not lost.
    private func conclude(_ scene: FaultScene, elapsed: Duration, recovery: Duration) async throws -> FaultOutcome {
        let (deployment, traffic) = (scene.deployment, scene.traffic)
        let drain = try await ContinuousClock().measure {
            try await Waiting.until("an empty log", within: .seconds(90)) { try await deployment.depth() == 0 }
        }
        let comparison = traffic.compare(with: deployment.sandbox.sends)
        let lost = try await self.lost(scene, comparison.missing)
        let parked = try await deployment.rows(
            "SELECT message_id FROM cardume.dead_letters WHERE category = 'send_in_doubt' AND error <> ''")
        let missing = Set(comparison.missing).subtracting(lost).filter { !parked.contains($0.id) }
        scene.expect(missing.isEmpty, "lost: \(missing.map(\.id).sorted())")
        scene.expect(comparison.disordered.isEmpty, "out of order: \(comparison.disordered.prefix(3))")
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        let again = deployment.sandbox.sendRequests - comparison.answered
        scene.expect(again <= doubts + scene.foreignRequests, "\(again) requests too many, \(doubts) doubts")
        scene.expect(comparison.repeats <= doubts, "\(comparison.repeats) replies repeated, \(doubts) doubts")
        scene.expect(parked.count * 2 <= doubts, "\(parked.count) replies parked, \(doubts) doubts")
        let turns = try await deployment.number("SELECT count(*) FROM cardume.turns")
        scene.expect(
            (comparison.answered...(comparison.answered + parked.count + scene.foreignTurns)).contains(turns),
            "\(turns) turns for \(comparison.answered) answers")
        let letters = try await deployment.number("SELECT count(*) FROM cardume.dead_letters")
        scene.expect(letters == parked.count + scene.expectedLetters, "\(letters) dead letters, \(parked.count) parked")
        let states = try await deployment.rows(
            "SELECT DISTINCT state FROM cardume.sends WHERE state NOT IN ('accepted', 'parked')")
        scene.expect(states.isEmpty, "replies left in \(states)")
        scene.expect(recovery < .seconds(15), "progress only after \(recovery)")
        let statuses = traffic.refusals.byStatus
        scene.expect(self.refusals.isSuperset(of: statuses.keys), "webhooks were refused with \(statuses)")
        // Once a second for each dependency, and what is logged once.
        let seconds = Int(elapsed.components.seconds + recovery.components.seconds) + 5
        for worker in scene.allWorkers {
            let lines = worker.lines("\"level\":\"error\"").count + worker.lines("\"level\":\"warning\"").count
            scene.expect(lines <= 4 * seconds + 64, "\(lines) lines of trouble in about \(seconds) seconds")
        }
        return FaultOutcome(
            scene: scene, elapsed: elapsed, recovery: recovery, drain: drain, answered: comparison.answered,
            repeats: comparison.repeats, lost: lost.count, doubts: doubts, parked: parked.count)
    }
}
