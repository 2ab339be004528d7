import CardumeTesting
import Foundation
import Testing

@testable import CardumeTesting

/// A Redis Cluster that elects a new master while messages come.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RedisFailoverTests {
    /// A master of a cluster dies. Its replica has what was written, or has been behind for a while.
    @Test(arguments: [false, true]) func aClusterReplacesADeadMaster(replicaIsBehind: Bool) async throws {
        var endurance = Endurance()
        endurance.deployment.isRedisCluster = true
        endurance.lost = { scene, missing in
            // One script writes a message and the sign that it was seen: a replica has both or neither.
            let seen = try await scene.deployment.askRedis("KEYS", "cardume:*:seen:*")
                .flatMap { $0.split(separator: "\n").map { $0.split(separator: ":").suffix(2).joined(separator: ":") } }
            let known = Set(seen)
            return Set(missing.filter { !known.contains("\(Load.contact($0.conversation)):\($0.id)") })
        }
        let outcome = try await endurance.run { scene in
            let cluster = try #require(scene.deployment.redisCluster)
            // The node that the processes were told of.
            let victim = cluster.nodes[0]
            let replica = try #require(try await cluster.replicas(of: victim).first)
            if replicaIsBehind { try await Self.leaveBehind(replica, of: victim, scene) }
            try await victim.kill9()
            replica.resume()
            try await Waiting.until("the replica to be promoted") {
                try await cluster.masters().contains { $0 === replica }
            }
            try await cluster.becomesHealthy()
            scene.deployment.sandbox.update { $0.modelLatency = .zero...(.milliseconds(200)) }
        }
        #expect(outcome.workers.allSatisfy { !$0.lines("Redis lost").isEmpty })
        // Without it, at most what was acknowledged in the instant between an answer and its replication.
        if replicaIsBehind { #expect(outcome.lost > 0) } else { #expect(outcome.lost <= endurance.conversations) }
    }

    /// Freezes a replica and lets its master take messages, and forget others, of which it will not hear.
    private static func leaveBehind(_ replica: RedisServer, of master: RedisServer, _ scene: Endurance.Scene) async throws {
        let sandbox = scene.deployment.sandbox
        // What workers have read is answered although Redis forgets it, unless it must wait longer than the election takes.
        sandbox.update { $0.modelLatency = .seconds(2)...(.seconds(2)) }
        replica.pause()
        // What stands in the connection would still be read.
        try await master.cli("CLIENT", "KILL", "TYPE", "replica")
        let (accepted, sent) = (scene.traffic.accepted, sandbox.sends.count)
        try await Waiting.until("a difference") {
            scene.traffic.accepted >= accepted + 150 && sandbox.sends.count >= sent + 40
        }
    }
}
