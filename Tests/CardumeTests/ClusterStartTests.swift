import CardumeTesting
import CardumeTrials
import Foundation
import TestSupport
import Testing

@testable import CardumeTesting

/// What the program says when it cannot take part in a cluster.
@Suite(.timeLimit(.minutes(2))) struct ClusterStartTests {
    private static func run(
        _ arguments: [String], _ environment: [String: String], yaml: String = ""
    ) async throws -> (status: Int32, output: String, complaints: [String]) {
        let folder = TemporaryFolder()
        let base = "http: { port: 0 }\nassistants: { suporte: {} }\n"
        try Data((base + yaml).utf8).write(to: URL(filePath: folder.path + "/cardume.yaml"))
        let process = try CardumeProcess(arguments, environment: environment, folder: folder.path)
        let begin = ContinuousClock.now
        let watchdog = Task {
            try await ContinuousClock().sleep(for: .seconds(30))
            process.signal(SIGKILL)
        }
        let status = await process.end()
        watchdog.cancel()
        #expect(begin.duration(to: .now) < .seconds(25))
        return (status, process.output, process.lines("cardume: ").filter { $0.hasPrefix("cardume: ") })
    }

    /// Ends with one line of complaint that contains `words`.
    private static func refuses(
        _ environment: [String: String], yaml: String = "", _ words: String..., roles: [String] = ["worker"]
    ) async throws {
        for role in roles {
            let (status, output, complaints) = try await Self.run([role], environment, yaml: yaml)
            #expect(status == 1, "\(output)")
            #expect(complaints.count == 1, "\(output)")
            for word in words { #expect(complaints.last?.contains(word) == true, "\(word) is missing: \(output)") }
            #expect(!output.contains("segredo"), "a password was printed: \(output)")
        }
    }

    @Test func addressesThatMakeNoSense() async throws {
        let database = ["DATABASE_URL": "postgres://u@127.0.0.1:1/cardume"]
        try await Self.refuses(database.merging(["REDIS_URL": "http://127.0.0.1:1"]) { $1 }, "redis.url", "redis://")
        try await Self.refuses(database.merging(["REDIS_URL": "redis://:segredo@"]) { $1 }, "redis.url")
        try await Self.refuses(
            ["REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "mysql://u:segredo@127.0.0.1/x"], "database.url", "postgres://"
        )
    }

    @Test func onlyHalfOfIt() async throws {
        try await Self.refuses(["REDIS_URL": "redis://127.0.0.1:1"], "DATABASE_URL", roles: ["run", "worker"])
        try await Self.refuses(["DATABASE_URL": "postgres://127.0.0.1/x"], "REDIS_URL", roles: ["run", "gateway"])
        try await Self.refuses([:], "needs a cluster", "REDIS_URL", "DATABASE_URL", roles: ["worker", "gateway"])
    }

    @Test func aQueueThatNobodyKnows() async throws {
        try await Self.refuses(
            [
                "REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "postgres://127.0.0.1/x",
                "CARDUME_QUEUES": "suporte,suprote",
            ], "queues", "suprote", "did you mean \"suporte\"")
    }

    @Test func serversThatAreNotThere() async throws {
        let postgres = try await PostgresServer.start()
        let redis = try await RedisServer.start()
        let (redisURL, databaseURL) = (redis.url, postgres.url)
        try await redis.kill9()
        try await Self.refuses(
            ["REDIS_URL": redisURL, "DATABASE_URL": databaseURL], "Redis", "127.0.0.1:\(redis.port)", roles: ["run", "gateway"])
        try await redis.restart()
        try await postgres.kill9()
        try await Self.refuses(
            ["REDIS_URL": redisURL, "DATABASE_URL": databaseURL], "\(postgres.port)", roles: ["run", "gateway"])
        let (status, _, complaints) = try await Self.run(
            ["migrate", "up"], ["REDIS_URL": redisURL, "DATABASE_URL": databaseURL])
        #expect(status == 1 && complaints.count == 1 && complaints[0].contains("\(postgres.port)"), "\(complaints)")
    }

    @Test func serversThatDoNotLetIn() async throws {
        let postgres = try await PostgresServer.start(PostgresServer.Options(authentication: .scram))
        let redis = try await RedisServer.start(RedisServer.Options(password: "senha"))
        let wrong = "redis://:segredo@127.0.0.1:\(redis.port)"
        try await Self.refuses(["REDIS_URL": wrong, "DATABASE_URL": postgres.url], "Redis", "WRONGPASS")
        try await Self.refuses(
            ["REDIS_URL": "redis://127.0.0.1:\(redis.port)", "DATABASE_URL": postgres.url], "Redis", "NOAUTH")
        try await Self.refuses(
            ["REDIS_URL": redis.url, "DATABASE_URL": "postgres://postgres:segredo@127.0.0.1:\(postgres.port)/cardume"],
            "password authentication failed")
        try await Self.refuses(
            ["REDIS_URL": redis.url, "DATABASE_URL": postgres.url.replacing("/cardume", with: "/nada")], "\"nada\"")
    }

    @Test func serversThatDoNotFit() async throws {
        let postgres = try await PostgresServer.start()
        let evicting = try await RedisServer.start(RedisServer.Options(memoryPolicy: "allkeys-lru"))
        try await Self.refuses(["REDIS_URL": evicting.url, "DATABASE_URL": postgres.url], "allkeys-lru", "noeviction")
        let redis = try await RedisServer.start(RedisServer.Options(persistence: .off))
        let addresses = ["REDIS_URL": redis.url, "DATABASE_URL": postgres.url]
        try await Self.refuses(addresses, "cardume migrate up", roles: ["run", "worker", "gateway"])
        let (status, output, _) = try await Self.run(["migrate", "up"], addresses)
        #expect(status == 0 && output.hasPrefix("applied version"), "\(output)")
        try await Self.refuses(addresses, yaml: "partitions: 32\n", "64 partitions", "32")
        try await postgres.psql("UPDATE cardume.migrations SET checksum = 'x'")
        try await Self.refuses(addresses, "migration 1", "not this program's")
    }

    @Test func aPrivateAuthority() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(isTLS: true))
        let other = try await RedisServer.start(RedisServer.Options(isTLS: true))
        let postgres = try await PostgresServer.start()
        let addresses = ["REDIS_URL": redis.url, "DATABASE_URL": postgres.url]
        #expect(redis.url.hasPrefix("rediss://"))
        let trust = addresses.merging(["CARDUME_REDIS_CA_FILE": redis.authorityFile]) { $1 }
        let (status, output, _) = try await Self.run(["migrate", "up"], trust)
        #expect(status == 0, "\(output)")
        try await Self.refuses(addresses, "TLS")
        try await Self.refuses(addresses.merging(["CARDUME_REDIS_CA_FILE": other.authorityFile]) { $1 }, "TLS")
        try await Self.refuses(addresses.merging(["CARDUME_REDIS_CA_FILE": "/nada.pem"]) { $1 }, "/nada.pem")
        let folder = TemporaryFolder()
        try Data("http: { port: 0 }\n".utf8).write(to: URL(filePath: folder.path + "/cardume.yaml"))
        let process = try CardumeProcess(["run"], environment: trust, folder: folder.path)
        _ = try await process.port()
        process.signal(SIGTERM)
        #expect(await process.end() == 0)
    }
}
