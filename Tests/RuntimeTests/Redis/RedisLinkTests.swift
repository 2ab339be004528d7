import CardumeTesting
import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import CardumeRuntime

/// Links and clients of a single server: greeting, losing, coming back.
@Suite(.timeLimit(.minutes(1))) struct RedisLinkTests {
    private static let slot = RedisSlot(number: 0)

    /// The cause why `settings` do not connect.
    private static func refusal(_ settings: RedisSettings) async throws -> RedisError? {
        await RedisConnectionTests.error { try await withRedisClient(settings) { _ in } }
    }

    @Test func comesBackAfterAKill() async throws {
        let server = try await RedisServer.start(RedisServer.Options(persistence: .always))
        let events = LinkEvents()
        try await withRedisClient(.local(server.port), events: events) { client in
            _ = try await client.send(RedisCommand("SET", "k", "v"), slot: Self.slot)
            try await server.kill9()
            #expect(await events.lost()?.code == .closed)
            let refused = await events.first {
                if case .failed(_, let error, _) = $0, error.code == .unreachable { error } else { nil }
            }
            #expect(refused?.message.contains("127.0.0.1:\(server.port)") == true)
            let error = await RedisConnectionTests.error { try await client.send(RedisCommand("GET", "k"), slot: Self.slot) }
            #expect(error?.code == .notConnected && error?.isOutcomeUnknown == false)
            try await server.restart()
            await events.connected()
            #expect(try await client.send(RedisCommand("GET", "k"), slot: Self.slot).root.string == "v")
        }
        try await server.kill9()
    }

    @Test func passwordsUsersAndDatabases() async throws {
        let server = try await RedisServer.start(RedisServer.Options(password: "senha"))
        try await withRedisClient(.local(server.port) { $0.password = "senha" }) { client in
            for user in [
                ["ana", "on", ">p%40ss", "~*", "+@all"], ["zoe", "on", ">z", "~z:*", "+@read", "+ping"],
            ] {
                var command = RedisCommand("ACL", "SETUSER")
                for word in user { command.append(word) }
                _ = try await client.send(command, slot: Self.slot)
            }
            _ = try await client.send(RedisCommand("CONFIG", "SET", "requirepass", "se nha"), slot: Self.slot)
        }
        let url = "127.0.0.1:\(server.port)"
        for good in ["redis://:se%20nha@\(url)", "redis://ana:p%2540ss@\(url)/2", "redis://default:se%20nha@\(url)"] {
            try await withRedisClient(try RedisSettings(url: good)) { client in
                let who = try await client.send(RedisCommand("CLIENT", "INFO"), slot: Self.slot).root.string
                #expect(who?.contains("name=cardume") == true)
                #expect(who?.contains(good.hasSuffix("/2") ? "db=2" : "db=0") == true)
            }
        }
        // May not ask for names, numbers and roles; may read.
        try await withRedisClient(try RedisSettings(url: "redis://zoe:z@\(url)")) { client in
            #expect(try await client.send(RedisCommand("GET", "z:1"), slot: Self.slot).root.isNull)
            let error = await RedisConnectionTests.error {
                try await client.send(RedisCommand("SET", "z:1", "x"), slot: Self.slot)
            }
            #expect(error?.code == .noPermission)
            let link = client.dedicatedLink(to: server.node)
            let run = Task { await link.run() }
            try await link.connected()
            #expect(link.clientID == nil)
            run.cancel()
            await run.value
        }
        for (bad, hint) in [("redis://\(url)", "wants a password"), ("redis://ana:segredo@\(url)", "refuses user or password")]
        {
            let error = try await Self.refusal(try RedisSettings(url: bad))
            #expect(error?.code == .notConnected && error?.cause == .wrongPassword && error?.remedy == .fixConfiguration)
            #expect(error?.message.contains(hint) == true && error?.message.contains("segredo") == false)
        }
        let database = try await Self.refusal(try RedisSettings(url: "redis://:se%20nha@\(url)/99"))
        #expect(database?.cause == .refusedByConfiguration)
        try await server.kill9()
    }

    @Test func passwordsThatNobodyAskedFor() async throws {
        let server = try await RedisServer.bare()
        #expect(try await Self.refusal(.local(server.port) { $0.password = "x" })?.cause == .wrongPassword)
        try await server.kill9()
    }

    @Test func whatIsNoRedis() async throws {
        let web = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let text = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")
                    channel.writeAndFlush(text, promise: nil)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(web.localAddress?.port)
        let error = try await Self.refusal(.local(port))
        #expect(error?.cause == .protocolViolation && error?.message.contains("no Redis") == true, "\(error?.message ?? "")")
        try await web.close()
        #expect(try await Self.refusal(.local(port))?.cause == .unreachable)
        let unknown = try await Self.refusal(RedisSettings(node: RedisNode(host: "no-such-host.invalid", port: 1)))
        #expect(unknown?.cause == .unreachable && unknown?.remedy == .reconnect)
    }

    /// A master that is demoted is left, refused while it is a replica, and used again afterwards.
    @Test func demotedMasters() async throws {
        let (server, other) = (try await RedisServer.bare(), try await RedisServer.bare())
        let events = LinkEvents()
        try await withRedisClient(.local(server.port), events: events) { client in
            try await server.cli("REPLICAOF", "127.0.0.1", "\(other.port)")
            let error = await RedisConnectionTests.error {
                try await client.send(RedisCommand("SET", "k", "v"), slot: Self.slot)
            }
            #expect(error?.code == .readOnly)
            let refused = await events.first {
                if case .failed(_, let error, _) = $0, error.message.contains("slave") { error } else { nil }
            }
            #expect(refused?.code == .readOnly && refused?.remedy == .reresolve)
            try await server.cli("REPLICAOF", "NO", "ONE")
            await events.connected()
            _ = try await client.send(RedisCommand("SET", "k", "v"), slot: Self.slot)
        }
        try await server.kill9()
        try await other.kill9()
    }

    /// A blocking read on a link of its own, ended through the shared one.
    @Test func blockingReadsAreEndedByNumber() async throws {
        let server = try await RedisServer.bare()
        try await withRedisClient(.local(server.port)) { client in
            let link = client.dedicatedLink(to: server.node)
            let run = Task { await link.run() }
            try await link.connected()
            let number = try #require(link.clientID)
            async let read = link.send(RedisCommand("XREAD", "BLOCK", "0", "STREAMS", "log", "$"), deadline: .seconds(50))
            var unblock = RedisCommand("CLIENT", "UNBLOCK")
            unblock.append(number)
            while try await client.send(unblock, slot: Self.slot).root.integer == 0 {}
            #expect(try await read.root.isNull)
            run.cancel()
            await run.value
            #expect(link.clientID == nil && link.failure?.code == .notConnected)
        }
        try await server.kill9()
    }

    @Test func scriptsSurviveAFlush() async throws {
        let server = try await RedisServer.bare()
        try await withRedisClient(.local(server.port)) { client in
            let script = RedisScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
            func add(_ key: String) async throws -> Int? {
                var command = script.command(keys: 1)
                command.append(key)
                command.append(1)
                return try await client.run(script, command, slot: RedisSlot(key: key)).root.integer
            }
            for round in 0..<3 {
                _ = try await client.send(RedisCommand("SCRIPT", "FLUSH"), slot: Self.slot)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<50 {
                        // Each caller's calls are in order and counted once, whoever loads the script.
                        group.addTask {
                            for step in 1...4 {
                                let sum = try await add("n:\(caller)")
                                #expect(sum == round * 4 + step)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let failing = RedisScript("return redis.error_reply('FENCED by 7')")
            let error = await RedisConnectionTests.error {
                try await client.run(failing, failing.command(keys: 0), slot: Self.slot)
            }
            #expect(error?.word == "FENCED")
        }
        try await server.kill9()
    }

    @Test func serversAreChecked() async throws {
        let good = try await RedisServer.start(RedisServer.Options(maximumMemory: 100 << 20))
        let reports = try await withRedisClient(.local(good.port)) { try await $0.checkServer() }
        #expect(reports.count == 1 && reports[0].warnings.isEmpty && reports[0].version.contains(".") && !reports[0].isCluster)
        let evicting = try await RedisServer.start(RedisServer.Options(memoryPolicy: "volatile-lru"))
        let error = await RedisConnectionTests.error {
            try await withRedisClient(.local(evicting.port)) { try await $0.checkServer() }
        }
        #expect(error?.code == .unsuitable && error?.message.contains("volatile-lru") == true)
        let forgetful = try await RedisServer.bare("rename-command CONFIG \"\"")
        let warnings = try await withRedisClient(.local(forgetful.port)) { try await $0.checkServer()[0].warnings }
        #expect(warnings.count == 2)
        let single = try await Self.refusal(.local(good.port) { $0.isCluster = true })
        #expect(single?.cause == .refusedByConfiguration)
        for server in [good, evicting, forgetful] { try await server.kill9() }
    }

    @Test func linksThatEndTellTheirWaiters() async throws {
        let link = RedisLink(
            to: RedisNode(host: "127.0.0.1", port: 1), connector: try RedisConnector(.local(1)),
            on: MultiThreadedEventLoopGroup.singleton.next())
        async let waiting = RedisConnectionTests.error { try await link.connected() }
        link.close()
        #expect(await waiting?.code == .notConnected)
        await link.run()
        #expect(await RedisConnectionTests.error { try await link.send(RedisCommand("PING")) }?.code == .notConnected)
    }
}
