import CardumeTesting
import Foundation

/// Redis that dies, sleeps, forgets, or answers what it should not.
extension FaultMatrix {
    package static let redis: [Fault] = [
        Fault(
            "redis-killed", "kill -9 of Redis, started again after 3 s",
            expectation: "webhooks are refused meanwhile; nobody trusts a lease any more",
            strike: { scene, _ in
                try await scene.deployment.redis.kill9()
                try await scene.sleep(.seconds(3))
                try await scene.deployment.redis.restart()
            },
            judge: { outcome in
                outcome.scene.mustBite(outcome.refusals > 0, "webhooks refused: \(outcome.refusals)")
                outcome.scene.mustBite(outcome.partitionsLost >= 64, "partitions given up: \(outcome.partitionsLost)")
                outcome.scene.expect(outcome.workers.allSatisfy { !$0.lines("Redis lost").isEmpty }, "a worker did not notice")
            }),
        Fault(
            "redis-restarted", "kill -9 of Redis, started again at once", expectation: "nothing beside a pause",
            strike: { scene, _ in
                try await scene.deployment.redis.kill9()
                try await scene.deployment.redis.restart()
            },
            judge: { outcome in
                let noticed = outcome.workers.allSatisfy { !$0.lines("Redis lost").isEmpty }
                outcome.scene.mustBite(noticed, "every worker lost its connections")
            }),
        Fault(
            "redis-power-loss", "kill -9 of Redis, and the last 4 kB of its append-only file are gone",
            expectation: "lost is only what the file lost; what comes back although it was settled is recognised",
            configure: { $0.lost = { try await $0.forgottenByRedis($1) } },
            strike: { scene, _ in
                let redis = scene.deployment.redis
                try await redis.kill9()
                let cut = try Self.truncateLog(of: redis, by: 4_096)
                scene.mustBite(cut > 0, "bytes cut off: \(cut)")
                try await redis.restart()
            }),
        Fault(
            "redis-failover", "the master of a cluster dies; its replica has everything",
            expectation: "lost is at most what was acknowledged in the instant before it was replicated",
            configure: { trial in
                trial.deployment.isRedisCluster = true
                trial.lost = { try await $0.forgottenByRedis($1) }
            },
            strike: { scene, _ in try await scene.failOver(behind: false) },
            judge: { outcome in
                let noticed = outcome.workers.allSatisfy { !$0.lines("Redis lost").isEmpty }
                outcome.scene.mustBite(noticed, "every worker lost its connections")
                outcome.scene.expect(outcome.lost <= outcome.scene.traffic.conversations, "\(outcome.lost) lost")
            }),
        Fault(
            "redis-failover-behind", "the master of a cluster dies; its replica has heard nothing for a while",
            expectation: "lost is only what was never replicated, and can be listed; what had been settled is recognised",
            configure: { trial in
                trial.deployment.isRedisCluster = true
                trial.lost = { try await $0.forgottenByRedis($1) }
            },
            strike: { scene, _ in try await scene.failOver(behind: true) },
            judge: { $0.scene.mustBite($0.lost > 0, "messages that were never replicated: \($0.lost)") }),
        Fault(
            "redis-full", "Redis takes no more memory, and a worker gets kill -9 meanwhile",
            expectation: "webhooks are refused; what is there is answered and settled, by whoever is left",
            configure: {
                // A timer is set before a message is settled.
                $0.deployment.assistants = ["suporte": "timers: { follow_up: { after: 1h, say: oi } }"]
            },
            strike: { scene, _ in try await scene.fillRedis() },
            judge: { outcome in
                let count = outcome.workers[0].lines("partitions changed hands").count
                outcome.scene.mustBite(count > 0, "taken over while full")
            }),
        Fault(
            "redis-disk-full", "the disk under Redis' append-only file is full for a while",
            expectation: "webhooks are refused (MISCONF), workers wait and go on",
            configure: { $0.pause = .milliseconds(100) },
            obstacle: { geteuid() == 0 ? nil : "only root may mount a small disk" },
            strike: { scene, _ in try await scene.fillDiskOfRedis() },
            judge: { $0.scene.mustBite($0.refusals > 0, "webhooks refused: \($0.refusals)") }),
        Fault(
            "redis-read-only", "Redis becomes a replica of nobody, and a master again",
            expectation: "connections are made anew, leases given up and taken again",
            strike: { scene, _ in
                // Nobody listens there: it keeps what it has.
                try await scene.deployment.redis.cli("REPLICAOF", "127.0.0.1", "1")
                try await scene.refused(10)
                try await Waiting.until("the end of trust") { scene.workers.sum("lost") >= 64 }
                try await scene.deployment.redis.cli("REPLICAOF", "NO", "ONE")
            },
            judge: { outcome in
                let noticed = outcome.workers.allSatisfy { !$0.lines("is no master").isEmpty }
                outcome.scene.mustBite(noticed, "every worker was told READONLY")
            }),
        Fault(
            "redis-busy", "a script that does not end keeps Redis busy", expectation: "leases are given up and taken again",
            strike: { scene, _ in
                let redis = scene.deployment.redis
                try await redis.cli("CONFIG", "SET", "busy-reply-threshold", "100")
                let script = Task { try await redis.cli("EVAL", "while true do end", "0") }
                try await scene.refused(10)
                try await Waiting.until("the end of trust") { scene.workers.sum("lost") >= 64 }
                try await redis.cli("SCRIPT", "KILL")
                _ = try? await script.value
            },
            judge: { outcome in
                let noticed = outcome.workers.allSatisfy { !$0.lines("BUSY").isEmpty }
                outcome.scene.mustBite(noticed, "every worker was told BUSY")
            }),
        Fault(
            "redis-asleep", "SIGSTOP of Redis for 30 s", expectation: "deadlines end reads and calls; nobody hangs afterwards",
            strike: { scene, _ in
                scene.deployment.redis.pause()
                try await scene.sleep(.seconds(30))
                scene.deployment.redis.resume()
            },
            judge: { outcome in
                outcome.scene.mustBite(outcome.refusals > 0, "webhooks refused: \(outcome.refusals)")
                outcome.scene.mustBite(outcome.partitionsLost >= 64, "partitions given up: \(outcome.partitionsLost)")
            }),
    ]

    /// - Returns: how many bytes the end of the append-only file has lost.
    private static func truncateLog(of redis: RedisServer, by bytes: Int) throws -> Int {
        let folder = "\(redis.folder)/appendonlydir"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".incr.aof") }
        guard let file = files.sorted().last else { throw TrialFailure("Redis has no append-only file in \(folder)") }
        let handle = try FileHandle(forUpdating: URL(filePath: "\(folder)/\(file)"))
        defer { try? handle.close() }
        let size = try handle.seekToEnd()
        let rest = size > UInt64(bytes) ? size - UInt64(bytes) : 0
        try handle.truncate(atOffset: rest)
        return Int(size - rest)
    }
}

extension FaultScene {
    /// Those of `missing` that Redis has no sign of any more: one script writes a message and the sign that it was seen.
    func forgottenByRedis(_ missing: [Traffic.Message]) async throws -> Set<Traffic.Message> {
        let seen = try await self.deployment.askRedis("KEYS", "cardume:*:seen:*")
            .flatMap { $0.split(separator: "\n").map { $0.split(separator: ":").suffix(2).joined(separator: ":") } }
        let known = Set(seen)
        return Set(missing.filter { !known.contains("\(Load.contact($0.conversation)):\($0.id)") })
    }

    fileprivate func failOver(behind: Bool) async throws {
        guard let cluster = self.deployment.redisCluster else { throw TrialFailure("Redis is no cluster") }
        // The node that the processes were told of.
        let victim = cluster.nodes[0]
        guard let replica = try await cluster.replicas(of: victim).first else { throw TrialFailure("a master has no replica") }
        if behind { try await self.leaveBehind(replica, of: victim) }
        try await victim.kill9()
        replica.resume()
        try await Waiting.until("the replica to be promoted") { try await cluster.masters().contains { $0 === replica } }
        try await cluster.becomesHealthy()
        self.deployment.sandbox.update { $0.modelLatency = .zero...(.milliseconds(200)) }
    }

    /// Freezes a replica and lets its master take messages, and forget others, of which it will not hear.
    private func leaveBehind(_ replica: RedisServer, of master: RedisServer) async throws {
        let sandbox = self.deployment.sandbox
        // What workers have read is answered although Redis forgets it, unless it must wait longer than the election takes.
        sandbox.update { $0.modelLatency = .seconds(2)...(.seconds(2)) }
        replica.pause()
        // What stands in the connection would still be read.
        try await master.cli("CLIENT", "KILL", "TYPE", "replica")
        let (accepted, sent) = (self.traffic.accepted, sandbox.sends.count)
        try await Waiting.until("a difference") {
            self.traffic.accepted >= accepted + 150 && sandbox.sends.count >= sent + 40
        }
    }

    fileprivate func fillRedis() async throws {
        let (redis, sandbox) = (self.deployment.redis, self.deployment.sandbox)
        // So that there is something to drain, and a lease to take over.
        sandbox.update { $0.modelLatency = .seconds(1)...(.seconds(1)) }
        try await Waiting.until("a backlog") { try await self.deployment.depth() >= 20 }
        try await redis.cli("CONFIG", "SET", "maxmemory", "1")
        try await self.refused()
        let (depth, sent) = (try await self.deployment.depth(), sandbox.sends.count)
        await self.kill(self.workers[0])
        sandbox.update { $0.modelLatency = .zero...(.milliseconds(200)) }
        try await Waiting.until("the log to be drained", within: .seconds(60)) { try await self.deployment.depth() == 0 }
        self.mustBite(depth > 0 && sandbox.sends.count > sent, "unsettled when full: \(depth), all drained")
        let accepted = self.traffic.accepted
        try await self.refused(self.traffic.refusals.count + 10)
        self.expect(self.traffic.accepted == accepted, "something was accepted by a full Redis")
        try await redis.cli("CONFIG", "SET", "maxmemory", "0")
    }

    /// Moves Redis onto a disk of 8 MB, fills the rest of it, and makes room again.
    fileprivate func fillDiskOfRedis() async throws {
        let redis = self.deployment.redis
        let disk = "\(redis.folder)/appendonlydir"
        let kept = "\(redis.folder)/kept"
        try await redis.kill9()
        try FileManager.default.moveItem(atPath: disk, toPath: kept)
        try await Self.command("/bin/mkdir", disk)
        try await Self.command("/bin/mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", disk)
        do {
            for file in try FileManager.default.contentsOfDirectory(atPath: kept) {
                try await Self.command("/bin/cp", "-p", "\(kept)/\(file)", disk)
            }
            try await redis.restart()
            try await self.progress()
            // Ends with an error: the disk is full.
            try? await Self.command("/bin/dd", "if=/dev/zero", "of=\(disk)/ballast", "bs=64k", "status=none")
            try await self.refused(10)
            try FileManager.default.removeItem(atPath: "\(disk)/ballast")
            try await self.progress()
        } catch {
            try? await Self.command("/bin/umount", "-l", disk)
            throw error
        }
        // Its files stay where they are for the processes that have them open.
        try await Self.command("/bin/umount", "-l", disk)
    }

    private static func command(_ words: String...) async throws {
        let folder = NSTemporaryDirectory()
        let log = "\(folder)/cardume-\(UUID().uuidString).log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let process = try ServerProcess(words, folder: folder, log: log)
        await process.end()
        let output = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        guard output.isEmpty else { throw TrialFailure("\(words.joined(separator: " ")): \(output)") }
    }
}
