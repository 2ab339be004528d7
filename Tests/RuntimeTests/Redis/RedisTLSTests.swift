import CardumeTesting
import Foundation
import NIOPosix
import Testing

@testable import CardumeRuntime

/// TLS with a private authority.
@Suite(.timeLimit(.minutes(1))) struct RedisTLSTests {
    private static func server(name: String) async throws -> RedisServer {
        try await RedisServer.start(RedisServer.Options(persistence: .off, isTLS: true, certificateNames: name))
    }

    private static func connect(
        _ server: RedisServer, host: String = "127.0.0.1", _ change: (inout RedisSettings) -> Void
    ) async -> RedisError? {
        await RedisConnectionTests.error {
            var settings = try RedisSettings(url: "rediss://\(host):\(server.port)")
            settings.authorityFile = server.authorityFile
            change(&settings)
            try await withRedisClient(settings) { client in
                let big = String(repeating: "x", count: 300_000)
                let reply = try await client.send(RedisCommand("ECHO", big), slot: RedisSlot(number: 0))
                #expect(reply.root.string == big)
            }
        }
    }

    @Test func namesAndAuthoritiesAreVerified() async throws {
        let server = try await Self.server(name: "DNS:redis.test")
        let other = try await Self.server(name: "DNS:redis.test")
        #expect(await Self.connect(server) { $0.serverName = "redis.test" } == nil)
        for change: (inout RedisSettings) -> Void in [
            { $0.serverName = "other.test" }, { _ in },
            {
                $0.serverName = "redis.test"
                $0.authorityFile = other.authorityFile
            },
            {
                $0.serverName = "redis.test"
                $0.authorityFile = nil
            },
        ] {
            let error = await Self.connect(server, change)
            #expect(error?.cause == .tls && error?.remedy == .fixConfiguration, "\(error?.message ?? "connected")")
        }
        let missing = await Self.connect(server) { $0.authorityFile = "/nowhere.pem" }
        #expect(missing?.code == .refusedByConfiguration && missing?.message.contains("/nowhere.pem") == true)
        try await server.kill9()
        try await other.kill9()
    }

    @Test func addressesAndHostNamesAreVerified() async throws {
        let address = try await Self.server(name: "IP:127.0.0.1")
        #expect(await Self.connect(address) { _ in } == nil)
        try await address.kill9()
        let other = try await Self.server(name: "IP:127.0.0.2")
        #expect(await Self.connect(other) { _ in }?.cause == .tls)
        #expect(await Self.connect(other, host: "localhost") { _ in }?.cause == .tls)
        try await other.kill9()
        let name = try await Self.server(name: "DNS:localhost")
        #expect(await Self.connect(name, host: "localhost") { _ in } == nil)
        try await name.kill9()
    }

    @Test func onlyOneSideWithTLS() async throws {
        let server = try await Self.server(name: "IP:127.0.0.1")
        let plain = await Self.connect(server) { $0.usesTLS = false }
        #expect(plain?.cause == .closed && plain?.message.contains("rediss://") == true, "\(plain?.message ?? "")")
        try await server.kill9()
        let open = try await RedisServer.bare()
        let error = await Self.connect(open) {
            $0.authorityFile = nil
            $0.replyDeadline = .milliseconds(500)
        }
        #expect(error?.cause == .timedOut && error?.message.contains("redis://") == true, "\(error?.message ?? "")")
        try await open.kill9()
    }

    /// Losing an encrypted connection is no TLS failure.
    @Test func killedServers() async throws {
        let server = try await Self.server(name: "IP:127.0.0.1")
        var settings = try RedisSettings(url: "rediss://127.0.0.1:\(server.port)")
        settings.authorityFile = server.authorityFile
        let events = LinkEvents()
        try await withRedisClient(settings, events: events) { _ in
            try await server.kill9()
            #expect(await events.lost()?.code == .closed)
        }
        try await server.kill9()
    }
}
