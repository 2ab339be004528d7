import CardumeTesting
import CardumeTrials
import TestSupport
import Testing

/// A PostgreSQL that does not answer, at the door.
@Suite(.timeLimit(.minutes(5))) struct PostgresFaultTests {
    /// Of a delivery with a part that makes no sense the rest is taken, also when nobody can record that part.
    @Test func whatCannotBeRecordedKeepsNothingOut() async throws {
        let deployment = try await ClusterDeployment()
        try await deployment.startGateway(environment: ["CARDUME_META_WEBHOOK_APP_SECRET": Deployment.metaSecret])
        deployment.postgres.pause()
        let body = WireSamples.body("malformed-meta-batch-one-bad.json")
        let answer = try await deployment.request(
            "POST", "/webhook/meta", headers: ["X-Hub-Signature-256": Deployment.signature(body)], body: body)
        deployment.postgres.resume()
        #expect(answer.status == 200 && answer.body.contains("\"status\":\"queued\""), "\(answer.body)")
        #expect(try await deployment.depth() > 0)
    }
}
