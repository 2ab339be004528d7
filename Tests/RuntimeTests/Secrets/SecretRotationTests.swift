import CardumeCore
import CardumeTesting
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import CardumeRuntime

@Suite(.timeLimit(.minutes(1))) struct SecretRotationTests {
    private static let yaml = """
        api: { token_file: FOLDER/token }
        evolution_webhook: { key: fixo }
        model: { key_file: FOLDER/model }
        """

    /// One process with secrets in files.
    private final class Bed: Sendable {
        let folder = TemporaryFolder()
        let live: LiveConfiguration
        let applied = Mutex<[CardumeConfiguration]>([])
        private let lines: Lines

        init() async throws {
            let lines = Lines()
            self.lines = lines
            for name in ["token", "model"] { try Self.write("antes", self.folder.path + "/" + name) }
            let base = try CardumeConfiguration(
                yaml: SecretRotationTests.yaml.replacing("FOLDER", with: self.folder.path), file: "c", environment: [:])
            self.live = LiveConfiguration(
                base, store: MemoryOverrideStore(), isShared: false,
                logger: Logger(label: "test") { label in
                    LineLogHandler(label: label, level: Live(.info), format: .text) { lines.add($0) }
                }, uptime: { .zero })
            // Not held by what it holds: its folder goes with it.
            try await self.live.start { [weak self] configuration in self?.applied.withLock { $0.append(configuration) } }
        }

        static func write(_ text: String, _ file: String) throws { try Data(text.utf8).write(to: URL(filePath: file)) }
        func write(_ text: String, to name: String) throws { try Self.write(text, self.folder.path + "/" + name) }
        func logged(_ text: String) -> Int { self.lines.all.count { $0.contains(text) } }
        var token: String? { self.live.current.http.api.secret }

        func tick() async {
            let (ticks, continuation) = AsyncStream<Void>.makeStream()
            continuation.yield()
            continuation.finish()
            await self.live.run(ticks: ticks)
        }
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { self.lines.withLock { $0 } }
        func add(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    @Test func aNewSecretCountsWithTheNextTick() async throws {
        let bed = try await Bed()
        await bed.tick()
        #expect(bed.applied.withLock { $0.count } == 1, "nothing has changed")
        try bed.write("depois\n", to: "token")
        #expect(bed.token == "antes")
        await bed.tick()
        #expect(bed.token == "depois")
        #expect(bed.live.current.assistants[0].model?.key == "antes")
        #expect(bed.applied.withLock { $0.count } == 2)
        #expect(bed.logged("secret changed") == 1)
        #expect(bed.logged("depois") + bed.logged("antes") == 0, "a secret was logged")
    }

    @Test func overridesStay() async throws {
        let bed = try await Bed()
        _ = try await bed.live.set("assistants.atendimento.slots", to: "8", for: nil, by: SettingAuthor("ana"))
        try bed.write("depois", to: "model")
        await bed.tick()
        #expect(bed.live.current.assistants[0].model?.key == "depois")
        #expect(bed.live.current.assistants[0].assistant.slots == 8)
    }

    /// Files that are just being replaced may be missing or empty.
    @Test func whatCannotBeReadChangesNothing() async throws {
        let bed = try await Bed()
        try FileManager.default.removeItem(atPath: bed.folder.path + "/token")
        for _ in 0..<3 { await bed.tick() }
        #expect(bed.token == "antes")
        #expect(bed.logged("secret cannot be used") == 1)
        try bed.write("", to: "token")
        await bed.tick()
        #expect(bed.token == "antes")
        try bed.write("depois", to: "token")
        await bed.tick()
        #expect(bed.token == "depois")
    }

    @Test func aReplacedSecretCountsForAWhile() async throws {
        func settings(_ token: String, overlap: String = "1h") throws -> HTTPSettings {
            let yaml = """
                api: { token: api-\(token) }
                evolution_webhook: { key: key-\(token), jwt_secret: "\(token)-0123456789-0123456789-0123456789" }
                meta_webhook: { app_secret: app-\(token), verify_token: verify-\(token) }
                secrets: { overlap: \(overlap) }
                """
            return try CardumeConfiguration(yaml: yaml, file: "c", environment: [:]).http
        }
        let now = ContinuousClock.now
        let both = try settings("b").succeeding(try settings("a"), at: now)
        func allowed(_ name: String, _ settings: HTTPSettings, at time: ContinuousClock.Instant) async -> [Bool] {
            let authenticator = WebhookAuthenticator(settings: settings, at: time)
            return [
                authenticator.allowsAPI(authorization: "Bearer api-\(name)"),
                await authenticator.allowsEvolution(apikey: "key-\(name)", authorization: nil),
                authenticator.allowsVerification(mode: "subscribe", token: "verify-\(name)"),
            ]
        }
        #expect(await allowed("a", both, at: now) == [true, true, true])
        #expect(await allowed("b", both, at: now) == [true, true, true])
        #expect(await allowed("c", both, at: now) == [false, false, false])
        #expect(await allowed("a", both, at: now + .seconds(3_601)) == [false, false, false])
        #expect(await allowed("b", both, at: now + .seconds(3_601)) == [true, true, true])
        // Another change keeps what still counts; a change of something else begins nothing anew.
        let three = try settings("c").succeeding(both, at: now + .seconds(60))
        #expect(await allowed("a", three, at: now + .seconds(3_599)) == [true, true, true])
        #expect(await allowed("b", three, at: now + .seconds(3_659)) == [true, true, true])
        let same = try settings("c").succeeding(three, at: now + .seconds(120))
        #expect(await allowed("b", same, at: now + .seconds(3_661)) == [false, false, false])
        let short = try settings("c", overlap: "1m").succeeding(three, at: now + .seconds(120))
        #expect(await allowed("b", short, at: now + .seconds(179)) == [true, true, true])
        #expect(await allowed("b", short, at: now + .seconds(181)) == [false, false, false])
        let none = try settings("b", overlap: "0s").succeeding(try settings("a"), at: now)
        #expect(await allowed("a", none, at: now) == [false, false, false])
    }
}
