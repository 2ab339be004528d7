import CardumeTesting
import CardumeTrials
import Foundation
import TestSupport
import Testing

@testable import CardumeTesting

/// Passwords of Redis and PostgreSQL are changed while messages come; `scripts/rotate-under-load` makes them come faster.
@Suite(.serialized, .timeLimit(.minutes(4))) struct SecretRotationTests {
    /// Files as Kubernetes mounts them: links into a folder that is itself a link, which is replaced in one step.
    private final class Secrets: Sendable {
        let folder = TemporaryFolder()

        func write(_ secrets: [String: String], version: Int) throws {
            let files = FileManager.default
            let data = "\(self.folder.path)/..\(version)"
            try files.createDirectory(atPath: data, withIntermediateDirectories: true)
            for (name, text) in secrets { try Data((text + "\n").utf8).write(to: URL(filePath: "\(data)/\(name)")) }
            let next = "\(self.folder.path)/..next"
            try files.createSymbolicLink(atPath: next, withDestinationPath: "..\(version)")
            guard rename(next, "\(self.folder.path)/..data") == 0 else { throw ServerError("cannot replace ..data") }
            for name in secrets.keys where !files.fileExists(atPath: "\(self.folder.path)/\(name)") {
                try files.createSymbolicLink(
                    atPath: "\(self.folder.path)/\(name)", withDestinationPath: "..data/\(name)")
            }
        }

        func path(_ name: String) -> String { "\(self.folder.path)/\(name)" }
    }

    private struct Bed {
        let deployment: ClusterDeployment
        let secrets = Secrets()

        init() async throws {
            var options = ClusterDeployment.Options()
            options.postgres.authentication = .scram
            options.sandbox.modelLatency = .zero...(.milliseconds(50))
            self.deployment = try await ClusterDeployment(options)
            _ = try await self.deployment.rows("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'antes'")
            _ = try await self.deployment.askRedis("ACL", "SETUSER", "app", "on", ">antes", "~*", "&*", "+@all")
            try self.write("antes", version: 1)
        }

        func write(_ password: String, version: Int) throws {
            try self.secrets.write(
                [
                    "database": "postgres://app:\(password)@127.0.0.1:\(self.deployment.postgres.port)/cardume",
                    "redis": "redis://app:\(password)@127.0.0.1:\(self.deployment.redis.port)",
                ], version: version)
        }

        func change(to password: String) async throws {
            _ = try await self.deployment.rows("ALTER ROLE app PASSWORD '\(password)'")
            _ = try await self.deployment.askRedis("ACL", "SETUSER", "app", "resetpass", ">\(password)")
        }

        /// New ones have to show the password again.
        func cutConnections() async throws {
            _ = try await self.deployment.rows(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'")
            _ = try await self.deployment.askRedis("CLIENT", "KILL", "USER", "app")
        }

        var environment: [String: String] {
            [
                "CARDUME_DATABASE_URL_FILE": self.secrets.path("database"),
                "CARDUME_REDIS_URL_FILE": self.secrets.path("redis"),
            ]
        }
    }

    @Test func passwordsChangeUnderLoad() async throws {
        let bed = try await Bed()
        let deployment = bed.deployment
        let gateway = try await deployment.startGateway(environment: bed.environment)
        let workers = try await deployment.startWorkers(2, environment: bed.environment)
        try await deployment.balance(over: 2)
        let processes = workers + [gateway]
        func rotated(_ times: Int) async throws {
            try await Waiting.until("all processes to have new passwords") {
                processes.allSatisfy { $0.lines("\"message\":\"secret changed\"").count >= 2 * times }
            }
        }
        let load = Int(ProcessInfo.processInfo.environment["CARDUME_TEST_CONVERSATIONS"] ?? "") ?? 30
        let traffic = Traffic(conversations: load)
        let begin = ContinuousClock.now
        async let posting: Void = traffic.run(through: deployment, pause: .milliseconds(100))
        func more(_ count: Int) async throws {
            let goal = deployment.sandbox.sends.count + count
            try await deployment.sent(goal)
        }
        try await more(200)

        // The servers first, then the files.
        try await bed.change(to: "depois")
        try await more(100)
        try bed.write("depois", version: 2)
        try await rotated(1)
        try await more(100)
        #expect(traffic.refusals.count == 0, "\(traffic.refusals.byStatus)")

        // What is new has the new password.
        try await bed.cutConnections()
        try await more(200)

        // The files first, then the servers; between the two, connections are made anew.
        try bed.write("enfim", version: 3)
        try await rotated(2)
        try await bed.cutConnections()
        try await more(200)
        try await bed.change(to: "enfim")
        try await bed.cutConnections()
        try await more(200)

        // The servers, and only later the files: nobody can connect in between, and nobody gives up.
        try await bed.change(to: "agora")
        try await bed.cutConnections()
        try await Waiting.until("somebody to be refused") { traffic.refusals.count > 0 }
        try bed.write("agora", version: 4)
        try await rotated(3)
        try await more(200)

        traffic.stop()
        try await posting
        let seconds = Double(begin.duration(to: .now) / .milliseconds(1)) / 1_000
        try await deployment.settle(replies: traffic.accepted)
        let comparison = traffic.compare(with: deployment.sandbox.sends)
        let dead = try await deployment.number("SELECT count(*) FROM cardume.dead_letters")
        let failed = processes.lines("turn failed").count
        print(
            "three rotations: \(comparison.answered) of \(traffic.accepted) messages answered,",
            "\(Int(Double(traffic.accepted) / seconds))/s, \(failed) failed turns, \(dead) dead letters"
        )
        #expect(comparison.missing == [])
        #expect(comparison.disordered == [])
        #expect((failed, dead) == (0, 0))
        for process in processes {
            for password in ["antes", "depois", "enfim", "agora"] {
                #expect(process.lines("app:\(password)@").isEmpty, "a secret was logged")
            }
            process.signal(SIGTERM)
            #expect(await process.end() == 0)
        }
    }
}
