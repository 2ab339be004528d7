import Foundation

/// What a fault has done, and not done.
package struct FaultOutcome: Sendable {
    package let scene: FaultScene
    /// Of the fault.
    package let elapsed: Duration
    /// Until every conversation had another reply.
    package let recovery: Duration
    /// From the last message to an empty log.
    package let drain: Duration
    /// Messages with a reply.
    package let answered: Int
    /// Replies beyond the first to the same message.
    package let repeats: Int
    /// Messages that a server provably forgot.
    package let lost: Int
    /// Sends of which it was not known whether they had happened.
    package let doubts: Int
    /// Replies that stayed in doubt and became dead letters.
    package let parked: Int

    package var workers: [CardumeProcess] { self.scene.allWorkers }
    /// Webhooks that were refused, and repeated.
    package var refusals: Int { self.scene.traffic.refusals.count }
    /// How often a worker found that a partition was no longer its own.
    package var partitionsLost: Int { self.workers.sum("lost") }
    /// What is wrong; empty when the fault was survived and did bite.
    package var violations: [String] { self.scene.violations }

    package var description: String {
        "fault of \(self.elapsed.rounded): progress after \(self.recovery.rounded), drained after \(self.drain.rounded), "
            + "\(self.answered) of \(self.scene.traffic.accepted) answered, \(self.lost) lost by a server, "
            + "refusals \(self.scene.traffic.refusals.byStatus), \(self.partitionsLost) partitions lost, "
            + "\(self.doubts) sends in doubt, \(self.repeats) sent twice, \(self.parked) parked"
            + self.scene.evidence.map { "; \($0)" }.joined()
    }
}

extension Duration {
    /// To a tenth of a second.
    package var rounded: String { self.formatted(.units(allowed: [.seconds], fractionalPart: .show(length: 1))) }
}
