import CardumeTrials
import Foundation
import TestSupport
import Testing

@testable import CardumeTesting

/// The incident that docs/incident.md walks through, smaller. ``DeadLetterTests`` has more of what can happen to dead letters.
@Suite(.serialized, .timeLimit(.minutes(4))) struct IncidentScriptTests {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../scripts/incident")
        .standardizedFileURL.path

    private static func run(_ arguments: [String] = []) async throws -> String {
        let size = ["--conversations", "10", "--messages", "12", "--rate", "20"]
        return try await Command.run(
            ["/bin/bash", Self.script] + size + arguments, environment: ["CARDUME": CardumeProcess.binary.path])
    }

    @Test func oneProcessComesThrough() async throws {
        let output = try await Self.run()
        #expect(output.contains("25 dead letters of two errors among 120 messages: answered in order"), "\(output)")
        #expect(output.contains("would replay 20 letters of 10 conversations") && output.contains("no dead letters"))
    }

    @Test func aClusterComesThrough() async throws {
        let redis = try await RedisServer.start()
        let postgres = try await PostgresServer.start(PostgresServer.Options())
        let output = try await Self.run(["--redis-url", redis.url, "--database-url", postgres.url])
        #expect(output.contains("25 dead letters of two errors among 120 messages: answered in order"), "\(output)")
    }
}
