import Foundation
import Testing

@testable import CardumeTesting

@Suite("Servers for tests")
struct ServerTests {
    private func gone(_ processes: [Int32], folder: String) async throws {
        try await Waiting.until("\(processes) and \(folder) to go") {
            !processes.contains(where: ProcessTree.isAlive) && !FileManager.default.fileExists(atPath: folder)
        }
    }

    @Test func aMissingProgramIsNamedWithItsPackage() {
        let error = #expect(throws: ServerError.self) { try Binary.find("pgbouncer-nowhere", package: "pgbouncer") }
        #expect(error?.message.contains("Debian's package pgbouncer") == true)
    }

    @Test func theOwnersDeathEndsItsServers() async throws {
        // On glibc, `print` fills a buffer that a killed process never writes.
        let result = await #expect(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let redis = try await RedisServer.start()
            let postgres = try await PostgresServer.start()
            let processes = [redis.processID, postgres.processID].compactMap(\.self)
            let all = processes.flatMap(ProcessTree.list).map(String.init).joined(separator: " ")
            postgres.pause()
            FileHandle.standardOutput.write(Data("\n@\(all)@\(redis.folder)@\(postgres.folder)@\n".utf8))
            kill(getpid(), SIGKILL)
        }
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        let fields = output.split(separator: "@").map(String.init)
        try #require(fields.count >= 4, "\(output)")
        let processes = fields[1].split(separator: " ").compactMap { Int32($0) }
        // Redis, the postmaster and its helpers.
        #expect(processes.count > 4)
        for folder in fields[2...3] { try await self.gone(processes, folder: folder) }
    }

    // MARK: Redis

    @Test func redisKeepsItsDataOverAKill() async throws {
        let redis = try await RedisServer.start()
        let process = try #require(redis.processID)
        #expect(try await redis.cli("SET", "peixe", "tilápia") == "OK")
        try await redis.kill9()
        #expect(!redis.isRunning)
        #expect(!ProcessTree.isAlive(process))
        await #expect(throws: ServerError.self) { try await redis.cli("PING") }
        try await redis.restart()
        #expect(redis.processID != process)
        #expect(try await redis.cli("GET", "peixe") == "tilápia")
        try await redis.restart()
        #expect(try await redis.cli("GET", "peixe") == "tilápia")
    }

    @Test func aServerEndsWithItsObject() async throws {
        var redis: RedisServer? = try await RedisServer.start()
        let process = try #require(redis?.processID)
        let folder = try #require(redis?.folder)
        #expect(ProcessTree.isAlive(process))
        redis = nil
        try await self.gone([process], folder: folder)
    }

    @Test func aPausedRedisAnswersLater() async throws {
        let redis = try await RedisServer.start()
        let process = try #require(redis.processID)
        redis.pause()
        #expect(ProcessTree.state(of: process) == "T")
        async let answer = redis.cli("PING")
        redis.resume()
        #expect(try await answer == "PONG")
    }

    @Test func redisAsksForPasswords() async throws {
        let options = RedisServer.Options(
            persistence: .off, password: "peixe espada", users: ["worker on >segredo ~cardume:* +@all"],
            maximumMemory: 64 << 20)
        let redis = try await RedisServer.start(options)
        #expect(redis.url == "redis://:peixe%20espada@127.0.0.1:\(redis.port)")
        #expect(try await redis.cli("CONFIG", "GET", "maxmemory") == "maxmemory\n67108864")
        #expect(try await redis.cli("CONFIG", "GET", "maxmemory-policy") == "maxmemory-policy\nnoeviction")
        #expect(try await redis.cli("ACL", "GETUSER", "worker").contains("~cardume:*"))
        let socket = try Socket(port: redis.port)
        try socket.send("PING\r\n")
        #expect(try socket.receive().text?.hasPrefix("-NOAUTH") == true)
    }

    @Test func redisSpeaksTLSWithAnAuthorityOfItsOwn() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(isTLS: true))
        #expect(redis.url.hasPrefix("rediss://"))
        #expect(try await redis.cli("PING") == "PONG")
        let openssl = try Binary.find("openssl", package: "openssl")
        let verified = try await Command.run([
            openssl, "verify", "-CAfile", redis.authorityFile, "-verify_ip", "127.0.0.1", "\(redis.folder)/server.crt",
        ])
        #expect(verified.hasSuffix("OK"))
    }

    @Test func aClusterMovesSlots() async throws {
        let cluster = try await RedisCluster.start()
        let slot = try #require(Int(try await cluster.nodes[0].cli("CLUSTER", "KEYSLOT", "{17}")))
        let source = try await cluster.master(of: slot)
        let target = try #require(cluster.nodes.first { $0 !== source })
        try await source.cli("SET", "a{17}", "1")
        await #expect(throws: ServerError.self) { try await target.cli("GET", "a{17}") }
        try await cluster.beginMigration(of: slot, to: target)
        let ask = await #expect(throws: ServerError.self) { try await source.cli("GET", "b{17}") }
        #expect(ask?.message.contains("ASK \(slot) 127.0.0.1:\(target.port)") == true)
        try await cluster.finishMigration(of: slot, to: target)
        #expect(try await target.cli("GET", "a{17}") == "1")
        let moved = await #expect(throws: ServerError.self) { try await source.cli("GET", "a{17}") }
        #expect(moved?.message.contains("MOVED \(slot) 127.0.0.1:\(target.port)") == true)
        #expect(try await cluster.master(of: slot) === target)
    }

    @Test func aClustersReplicasTakeOver() async throws {
        let cluster = try await RedisCluster.start(hasReplicas: true)
        let slot = try #require(Int(try await cluster.nodes[0].cli("CLUSTER", "KEYSLOT", "{17}")))
        let first = try await cluster.master(of: slot)
        let second = try #require(try await cluster.replicas(of: first).first)
        try await first.cli("SET", "a{17}", "1")
        try await cluster.failOver(to: second)
        #expect(try await cluster.master(of: slot) === second)
        #expect(try await second.cli("GET", "a{17}") == "1")
        try await Waiting.until("the former master to follow") {
            try await cluster.replicas(of: second).contains { $0 === first }
        }
        try await second.kill9()
        try await Waiting.until("the replica to take over") { (try? await cluster.master(of: slot)) === first }
        try await cluster.becomesHealthy()
        #expect(try await first.cli("GET", "a{17}") == "1")
    }

    // MARK: PostgreSQL

    @Test func postgresKeepsWhatWasCommitted() async throws {
        let postgres = try await PostgresServer.start(PostgresServer.Options(maximumConnections: 20))
        try await postgres.psql("CREATE TABLE fish (name text, legs int); INSERT INTO fish VALUES ('tilápia', 0)")
        #expect(try await postgres.psql("SELECT * FROM fish") == "tilápia|0")
        #expect(try await postgres.psql("SHOW max_connections") == "20")
        #expect(try await postgres.psql("SHOW fsync") == "off")
        try await postgres.restartImmediately()
        #expect(try await postgres.psql("SELECT name FROM fish") == "tilápia")
        let processes = ProcessTree.list(try #require(postgres.processID))
        #expect(processes.count > 3)
        try await postgres.kill9()
        #expect(!processes.contains(where: ProcessTree.isAlive))
        try await postgres.restart()
        #expect(try await postgres.psql("SELECT name FROM fish") == "tilápia")
        try await postgres.restart()
        #expect(try await postgres.psql("SELECT name FROM fish") == "tilápia")
        let error = await #expect(throws: ServerError.self) { try await postgres.psql("SELECT * FROM meat") }
        #expect(error?.message.contains("relation \"meat\" does not exist") == true)
    }

    @Test func aPausedPostgresAnswersLater() async throws {
        let postgres = try await PostgresServer.start()
        let processes = ProcessTree.list(try #require(postgres.processID))
        postgres.pause()
        // One that ended just before stays a zombie for as long as its parent is stopped.
        for process in processes { #expect(["T", "Z"].contains(ProcessTree.state(of: process))) }
        async let answer = postgres.psql("SELECT 1")
        postgres.resume()
        #expect(try await answer == "1")
    }

    @Test(arguments: [PostgresServer.Authentication.trust, .scram])
    func pgBouncerPoolsTransactions(authentication: PostgresServer.Authentication) async throws {
        let postgres = try await PostgresServer.start(PostgresServer.Options(authentication: authentication))
        let wrong = postgres.url.replacing("postgres:\(PostgresServer.password)@", with: "postgres:errada@")
        if authentication == .scram {
            await #expect(throws: ServerError.self) { try await postgres.psql("SELECT 1", url: wrong) }
        }
        let bouncer = try await PgBouncerServer.start(before: postgres)
        #expect(try await bouncer.psql("SELECT current_user") == "postgres")
        let console = bouncer.url.replacing("/cardume", with: "/pgbouncer")
        #expect(try await postgres.psql("SHOW CONFIG", url: console).contains("pool_mode|transaction"))
        let process = try #require(bouncer.processID)
        try await bouncer.kill9()
        #expect(!ProcessTree.isAlive(process))
        try await bouncer.restart()
        #expect(try await bouncer.psql("SELECT 1") == "1")
    }
}
