import CardumeTesting
import Foundation
import Testing

@testable import CardumeTesting

/// A Redis that answers, but not as it should, and one that does not answer for long.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RedisFaultTests {
    /// What cannot be stored is refused; what is there is answered and settled, by whoever is left.
    @Test func fullMemoryIsDrained() async throws {
        var endurance = Endurance()
        // A timer is set before a message is settled.
        endurance.deployment.assistants = ["suporte": "timers: { follow_up: { after: 1h, say: oi } }"]
        let outcome = try await endurance.run { scene in
            let (redis, sandbox) = (scene.deployment.redis, scene.deployment.sandbox)
            // So that there is something to drain, and a lease to take over.
            sandbox.update { $0.modelLatency = .seconds(1)...(.seconds(1)) }
            try await Waiting.until("a backlog") { try await scene.deployment.depth() >= 20 }
            try await redis.cli("CONFIG", "SET", "maxmemory", "1")
            try await scene.refused()
            let (depth, sent) = (try await scene.deployment.depth(), sandbox.sends.count)
            await scene.kill(scene.workers[0])
            sandbox.update { $0.modelLatency = .zero...(.milliseconds(200)) }
            try await Waiting.until("the log to be drained", within: .seconds(60)) { try await scene.deployment.depth() == 0 }
            print("full memory: \(depth) unsettled, \(sandbox.sends.count - sent) answered meanwhile")
            #expect(depth > 0)
            #expect(sandbox.sends.count > sent)
            let accepted = scene.traffic.accepted
            try await scene.refused(scene.traffic.refusals.count + 10)
            #expect(scene.traffic.accepted == accepted, "something was accepted all the same")
            try await redis.cli("CONFIG", "SET", "maxmemory", "0")
        }
        #expect(outcome.workers[0].lines("partitions changed hands").count > 0)
    }

    /// A failover that demotes the server, and one that promotes it again.
    @Test func aReplicaForAWhile() async throws {
        let outcome = try await Endurance().run { scene in
            // Nobody listens there: it keeps what it has.
            try await scene.deployment.redis.cli("REPLICAOF", "127.0.0.1", "1")
            try await scene.refused(10)
            try await Waiting.until("the end of trust") { scene.workers.sum("lost") >= 64 }
            try await scene.deployment.redis.cli("REPLICAOF", "NO", "ONE")
        }
        #expect(outcome.workers.allSatisfy { !$0.lines("is no master").isEmpty })
    }

    @Test func aScriptThatDoesNotEnd() async throws {
        let outcome = try await Endurance().run { scene in
            let redis = scene.deployment.redis
            try await redis.cli("CONFIG", "SET", "busy-reply-threshold", "100")
            let script = Task { try await redis.cli("EVAL", "while true do end", "0") }
            try await scene.refused(10)
            try await Waiting.until("the end of trust") { scene.workers.sum("lost") >= 64 }
            try await redis.cli("SCRIPT", "KILL")
            await #expect(throws: ServerError.self) { _ = try await script.value }
        }
        #expect(outcome.workers.allSatisfy { !$0.lines("BUSY").isEmpty })
    }

    @Test func silenceForHalfAMinute() async throws {
        let outcome = try await Endurance().run { scene in
            scene.deployment.redis.pause()
            try await ContinuousClock().sleep(for: .seconds(30))
            scene.deployment.redis.resume()
        }
        #expect(outcome.elapsed >= .seconds(30))
        #expect(outcome.refusals > 0)
        #expect(outcome.workers.sum("lost") >= 64, "nobody's trust ended")
    }
}
