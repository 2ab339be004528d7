import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Doors that outlive their log.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SpoolTests {
    private static func environment(_ deployment: ClusterDeployment) -> [String: String] {
        [
            "CARDUME_SPOOL_FOLDER": deployment.spoolFolder(), "CARDUME_REDIS_REPLY_DEADLINE": "1s",
            "CARDUME_REDIS_CONNECT_TIMEOUT": "1s",
        ]
    }

    private static func spooled(_ deployment: ClusterDeployment) async throws -> Int {
        struct Health: Decodable {
            struct Spool: Decodable { let messages: Int }
            let spool: Spool
        }
        let answer = try await deployment.request("GET", "/health")
        return try JSONDecoder().decode(Health.self, from: Data(answer.body.utf8)).spool.messages
    }

    private static func spoolHolds(_ deployment: ClusterDeployment, _ count: Int) async throws {
        try await Waiting.until("\(count) messages in the spool", within: .seconds(40)) {
            (try? await Self.spooled(deployment)) ?? 0 >= count
        }
    }

    /// Redis freezes; a gateway takes everything, is killed, starts again, takes more; Redis comes back.
    @Test(arguments: [false, true]) func everyWebhookIsAcceptedAndReplayedInOrder(isKilled: Bool) async throws {
        let deployment = try await ClusterDeployment()
        let environment = Self.environment(deployment)
        _ = try await deployment.startWorkers(2)
        let gateway = try await deployment.startGateway(environment: environment)
        try await deployment.balance(over: 2)
        let traffic = Traffic(conversations: 20)
        async let posting: Void = traffic.run(through: deployment, pause: .milliseconds(40))
        try await Waiting.until("traffic") { traffic.accepted > 100 }
        deployment.redis.pause()
        try await Self.spoolHolds(deployment, 200)
        if isKilled {
            gateway.signal(SIGKILL)
            await gateway.end()
            try await deployment.startGateway(environment: environment)
            try await Self.spoolHolds(deployment, 400)
        }
        let held = try await Self.spooled(deployment)
        #expect(traffic.refusals.byStatus.keys.allSatisfy { $0 == 0 }, "\(traffic.refusals.byStatus)")
        #expect(isKilled || traffic.refusals.count == 0)
        deployment.redis.resume()
        try await Waiting.until("an empty spool", within: .seconds(30)) { try await Self.spooled(deployment) == 0 }
        let before = traffic.accepted
        try await Waiting.until("more traffic") { traffic.accepted > before + 100 }
        traffic.stop()
        try await posting
        try await deployment.settle(replies: traffic.accepted, within: .seconds(90))
        let comparison = traffic.compare(with: deployment.sandbox.sends)
        #expect(comparison.missing.isEmpty, "\(comparison.missing)")
        #expect(comparison.disordered.isEmpty, "\(comparison.disordered)")
        print(
            "spool, gateway killed: \(isKilled): \(traffic.accepted) webhooks accepted, at least \(held) over the disk, "
                + "\(traffic.refusals.byStatus) refused by status, \(comparison.answered) answered, \(comparison.repeats) repeats"
        )
    }

    /// What the spool is for.
    @Test func withoutASpoolTheyAreRefused() async throws {
        let deployment = try await ClusterDeployment()
        var environment = Self.environment(deployment)
        environment["CARDUME_SPOOL_FOLDER"] = ""
        let gateway = try await deployment.startGateway(environment: environment)
        try await deployment.redis.kill9()
        let answer = try await deployment.request(
            "POST", "/webhook/evolution", headers: ["apikey": Deployment.key], body: Load.webhook("1", "A", "oi"))
        #expect(answer.status == 503 && answer.headers["retry-after"] != nil)
        gateway.signal(SIGKILL)
        await gateway.end()
        let second = try CardumeProcess(["gateway"], environment: environment, folder: deployment.workingFolder)
        #expect(await second.end() == 1, "nor does it start without Redis")
    }

    @Test func whoWaitsIsToldThatItIsQueued() async throws {
        let deployment = try await ClusterDeployment()
        let environment = Self.environment(deployment)
        let gateway = try await deployment.startGateway(environment: environment)
        try await deployment.redis.kill9()
        let body = Array(#"{"channel":"loja","contact":"1","text":"oi","id":"x","wait":30}"#.utf8)
        let began = ContinuousClock.now
        let answer = try await deployment.request(
            "POST", "/v1/messages", headers: ["Authorization": "Bearer \(Deployment.token)"], body: body)
        #expect(answer.status == 202 && answer.body.contains("\"status\":\"queued\""), "\(answer.body)")
        #expect(ContinuousClock.now - began < .seconds(15))
        // Its folder is its own.
        let other = try CardumeProcess(["gateway"], environment: environment, folder: deployment.workingFolder)
        #expect(await other.end() == 1)
        #expect(other.output.contains("another Cardume process is using"), "\(other.output)")
        gateway.signal(SIGTERM)
        #expect(await gateway.end() == 0, "it ends in good order, and the message stays")
        try await deployment.redis.restart()
        try await deployment.startGateway(environment: environment)
        try await Waiting.until("the message to be in the log") { try await deployment.depth() == 1 }
    }

    /// A log that refuses is not away.
    @Test func fullMemoryIsRefused() async throws {
        let deployment = try await ClusterDeployment()
        try await deployment.startGateway(environment: Self.environment(deployment))
        try await deployment.redis.cli("CONFIG", "SET", "maxmemory", "1")
        let answer = try await deployment.request(
            "POST", "/webhook/evolution", headers: ["apikey": Deployment.key], body: Load.webhook("1", "A", "oi"))
        #expect(answer.status == 503)
        #expect(try await Self.spooled(deployment) == 0)
    }
}
