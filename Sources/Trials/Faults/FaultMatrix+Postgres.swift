import CardumeRuntime
import CardumeTesting
import Foundation

/// PostgreSQL that restarts, sleeps, locks, or has no connection to spare.
extension FaultMatrix {
    package static let postgres: [Fault] = [
        Fault(
            "database-restarted", "immediate restart of PostgreSQL", expectation: "commits are repeated; webhooks go on",
            strike: { scene, _ in try await scene.deployment.postgres.restartImmediately() },
            judge: { outcome in
                let count = outcome.workers.lines("store unavailable").count
                outcome.scene.mustBite(count > 0, "calls repeated: \(count)")
            }),
        Fault(
            "database-asleep", "SIGSTOP of PostgreSQL for 30 s",
            expectation: "trust ends, webhooks go on being accepted, and all are answered afterwards",
            configure: { trial in
                // A backlog that is answered in seconds.
                trial.pause = .seconds(1)
                trial.deployment.sandbox.modelLatency = .zero...(.milliseconds(50))
            },
            strike: { scene, _ in
                let accepted = scene.traffic.accepted
                scene.deployment.postgres.pause()
                try await scene.sleep(.seconds(30))
                scene.mustBite(scene.traffic.accepted > accepted + 300, "webhooks accepted meanwhile")
                scene.deployment.postgres.resume()
            },
            judge: { outcome in
                outcome.scene.expect(outcome.refusals == 0, "\(outcome.refusals) webhooks refused")
                outcome.scene.mustBite(outcome.partitionsLost >= 64, "partitions given up: \(outcome.partitionsLost)")
            }),
        Fault(
            "database-connections-killed", "all connections to PostgreSQL are killed, five times and more",
            expectation: "the pool recovers; no webhook is refused",
            strike: { scene, _ in
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
                scene.mustBite(killed >= 2 * rounds, "connections killed: \(killed)")
            },
            judge: { $0.scene.expect($0.refusals == 0, "\($0.refusals) webhooks refused") }),
        Fault(
            "database-connections-exhausted", "somebody takes all connections, then the workers' own, too",
            expectation: "workers wait for one; no webhook is refused",
            configure: { $0.deployment.postgres.maximumConnections = 30 },
            strike: { scene, _ in
                let hog = try ConnectionHog(scene.deployment.postgres)
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
                scene.mustBite(true, "connections taken: \(await hog.count) of 30")
                await hog.releaseAll()
            },
            judge: { $0.scene.expect($0.refusals == 0, "\($0.refusals) webhooks refused") }),
        Fault(
            "database-locked", "somebody locks the table of turns for 8 s",
            expectation: "statements end by their deadline and are repeated",
            strike: { scene, _ in
                let before = scene.deployment.sandbox.sends.count
                _ = try await scene.deployment.rows(
                    "BEGIN; LOCK TABLE cardume.turns IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(8); COMMIT")
                let meanwhile = scene.deployment.sandbox.sends.count - before
                scene.mustBite(
                    try await scene.deployment.depth() >= 20, "unsettled after it: 20 and more; replies: \(meanwhile)")
            }),
    ]
}

/// Holds connections.
private actor ConnectionHog {
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
