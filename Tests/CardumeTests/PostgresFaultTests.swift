import CardumeRuntime
import CardumeTesting
import Foundation
import TestSupport
import Testing

@testable import CardumeTesting

/// A PostgreSQL that does not answer for long, and one that has no connection to spare.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PostgresFaultTests {
    @Test func silenceForHalfAMinute() async throws {
        var endurance = Endurance()
        // A backlog that is answered in seconds.
        endurance.pause = .seconds(1)
        endurance.deployment.sandbox.modelLatency = .zero...(.milliseconds(50))
        let outcome = try await endurance.run { scene in
            let accepted = scene.traffic.accepted
            scene.deployment.postgres.pause()
            try await ContinuousClock().sleep(for: .seconds(30))
            #expect(scene.traffic.accepted > accepted + 300, "the gateway did not go on accepting")
            scene.deployment.postgres.resume()
        }
        #expect(outcome.elapsed >= .seconds(30))
        #expect(outcome.refusals == 0)
        #expect(outcome.workers.sum("lost") >= 64, "nobody's trust ended")
    }

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

    /// Again and again, until some were in use.
    @Test func connectionsThatAreKilled() async throws {
        let outcome = try await Endurance().run { scene in
            var (rounds, killed) = (0, 0)
            try await Waiting.until("a worker to notice", within: .seconds(60)) {
                killed += try await scene.deployment.rows(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
                    """
                ).count
                rounds += 1
                try await scene.progress()
                return rounds >= 5 && !scene.workers.lines("store unavailable").isEmpty
            }
            print("connections: \(killed) killed in \(rounds) rounds")
            #expect(killed >= 2 * rounds)
        }
        #expect(outcome.refusals == 0)
    }

    /// Somebody takes all connections that are left, and then the workers' own, too.
    @Test func noConnectionIsLeft() async throws {
        var endurance = Endurance()
        endurance.deployment.postgres.maximumConnections = 30
        let outcome = try await endurance.run { scene in
            let hog = try Hog(scene.deployment.postgres)
            try await hog.takeAll()
            // With what they have.
            try await scene.progress()
            // Else they would be faster.
            for worker in scene.workers { worker.signal(SIGSTOP) }
            try await hog.expelOthers()
            for worker in scene.workers { worker.signal(SIGCONT) }
            try await Waiting.until("the workers to be refused", within: .seconds(60)) {
                scene.workers.allSatisfy { !$0.lines("too many clients").isEmpty } && scene.workers.sum("lost") >= 64
            }
            print("connections: \(await hog.count) of 30 were taken")
            await hog.releaseAll()
        }
        #expect(outcome.refusals == 0)
    }

    /// Holds connections.
    private actor Hog {
        private let settings: PostgresSettings
        private var connections: [PostgresConnection] = []

        init(_ server: PostgresServer) throws {
            self.settings = try PostgresSettings(url: server.url, application: "hog")
        }

        var count: Int { self.connections.count }

        /// Until the server refuses.
        func takeAll() async throws {
            while true {
                do throws(PostgresError) {
                    self.connections.append(try await PostgresConnection.connect(self.settings))
                } catch {
                    guard error.code == .tooManyConnections else { throw error }
                    return
                }
            }
        }

        /// Ends all other connections and takes their places.
        func expelOthers() async throws {
            let sql: PostgresStatement.SQL = """
                SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
                WHERE application_name <> 'hog' AND backend_type = 'client backend'
                """
            _ = try await self.connections[0].run([PostgresStatement(sql)], prepared: false, within: .seconds(10))
            try await self.takeAll()
        }

        func releaseAll() async {
            for connection in self.connections { await connection.close() }
            self.connections = []
        }
    }
}
