import CardumeTesting
import Foundation
import Testing

@testable import CardumeTesting

/// More workers and fewer, while messages come.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ClusterScaleTests {
    @Test func fromOneToSixAndBack() async throws {
        var endurance = Endurance()
        endurance.workers = 1
        // Some for everybody.
        (endurance.conversations, endurance.pause) = (100, .seconds(1))
        let outcome = try await endurance.run { scene in
            let first = try await scene.deployment.leases()
            try await scene.start(5)
            let begin = ContinuousClock.now
            let spread = try await scene.deployment.balance(over: 6)
            let elapsed = begin.duration(to: .now)
            print("six workers: \(spread.counts.values.sorted()) after \(elapsed)")
            #expect(elapsed < .seconds(15))
            #expect(spread.counts.values.allSatisfy { (9...12).contains($0) }, "\(spread.counts)")
            #expect(spread.moved(since: first) <= 64 - 9, "partitions moved that could have stayed")
            try await Waiting.until("each to answer something") {
                scene.workers.allSatisfy { !$0.lines("reply sent").isEmpty }
            }
            for worker in scene.workers.dropLast() { await scene.terminate(worker) }
            let last = try await scene.deployment.balance(over: 1)
            #expect(last.counts.values.first == 64)
        }
        // On a machine so busy that a lease ran out, somebody else had to ask what became of a send.
        #expect(outcome.doubts == 0 || outcome.workers.sum("lost") > 0)
        #expect(outcome.refusals == 0)
        #expect(outcome.workers.count == 6)
        #expect(outcome.workers.lines("message was running when the process died").isEmpty)
    }
}
