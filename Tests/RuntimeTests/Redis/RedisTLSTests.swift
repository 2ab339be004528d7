import Foundation
import NIOPosix
import Testing

@testable import CardumeRuntime

/// TLS with a private authority.
@Suite(.timeLimit(.minutes(1))) struct RedisTLSTests {
    private static let openssl = "/usr/bin/openssl"

    /// An authority, and a certificate of its for `name`.
    private static func makeCertificates(in folder: String, name: String) async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for authority in ["ca", "other"] {
            try await runProgram(
                Self.openssl,
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=\(authority)", "-keyout", "\(authority).key", "-out", "\(authority).pem",
                ], in: folder)
        }
        try await runProgram(
            Self.openssl,
            [
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=redis", "-keyout",
                "redis.key", "-out", "redis.csr",
            ], in: folder)
        try "subjectAltName=\(name)\n".write(toFile: folder + "/san", atomically: true, encoding: .utf8)
        try await runProgram(
            Self.openssl,
            [
                "x509", "-req", "-in", "redis.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "san", "-out", "redis.pem",
            ], in: folder)
    }

    private static func server(name: String) async throws -> RedisProcess {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cardume-tls-\(UUID())").path
        try await Self.makeCertificates(in: folder, name: name)
        return try await RedisProcess(
            [
                "--tls-cert-file", "%d/redis.pem", "--tls-key-file", "%d/redis.key", "--tls-ca-cert-file", "%d/ca.pem",
                "--tls-auth-clients", "no",
            ], tls: true, folder: folder)
    }

    private static func connect(
        _ server: RedisProcess, host: String = "127.0.0.1", _ change: (inout RedisSettings) -> Void
    ) async -> RedisError? {
        await RedisConnectionTests.error {
            var settings = try RedisSettings(url: "rediss://\(host):\(server.port)")
            settings.authorityFile = server.folder + "/ca.pem"
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
        #expect(await Self.connect(server) { $0.serverName = "redis.test" } == nil)
        for change: (inout RedisSettings) -> Void in [
            { $0.serverName = "other.test" }, { _ in },
            {
                $0.serverName = "redis.test"
                $0.authorityFile = server.folder + "/other.pem"
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
        server.stop()
    }

    @Test func addressesAndHostNamesAreVerified() async throws {
        let address = try await Self.server(name: "IP:127.0.0.1")
        #expect(await Self.connect(address) { _ in } == nil)
        address.stop()
        let other = try await Self.server(name: "IP:127.0.0.2")
        #expect(await Self.connect(other) { _ in }?.cause == .tls)
        #expect(await Self.connect(other, host: "localhost") { _ in }?.cause == .tls)
        other.stop()
        let name = try await Self.server(name: "DNS:localhost")
        #expect(await Self.connect(name, host: "localhost") { _ in } == nil)
        name.stop()
    }

    @Test func onlyOneSideWithTLS() async throws {
        let server = try await Self.server(name: "IP:127.0.0.1")
        let plain = await Self.connect(server) { $0.usesTLS = false }
        #expect(plain?.cause == .closed && plain?.message.contains("rediss://") == true, "\(plain?.message ?? "")")
        server.stop()
        let open = try await RedisProcess()
        let error = await Self.connect(open) {
            $0.authorityFile = nil
            $0.replyDeadline = .milliseconds(500)
        }
        #expect(error?.cause == .timedOut && error?.message.contains("redis://") == true, "\(error?.message ?? "")")
        open.stop()
    }

    /// Losing an encrypted connection is no TLS failure.
    @Test func killedServers() async throws {
        let server = try await Self.server(name: "IP:127.0.0.1")
        var settings = try RedisSettings(url: "rediss://127.0.0.1:\(server.port)")
        settings.authorityFile = server.folder + "/ca.pem"
        let events = LinkEvents()
        try await withRedisClient(settings, events: events) { _ in
            server.signal(SIGKILL)
            #expect(await events.lost()?.code == .closed)
        }
        server.stop()
    }
}
