import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// The scaling signal and the health of real processes.
@Suite(.serialized, .timeLimit(.minutes(4))) struct ScalingTests {
    private struct Body: Decodable {
        struct Pool: Decodable, Equatable {
            struct Excluded: Decodable, Equatable {
                let slots: Double
                let conversations: Int
                let messages: Int
            }

            let demandSlots: Double
            let inFlight: Int
            let waitingMessages: Int
            let waitingConversations: Int
            let meanTurnSeconds: Double?
            let excluded: [String: Excluded]
            let slotsPerPod: Int
            let pods: Int
            let unknownPods: [String]
            let suggestedPods: Int
            let verdict: String
        }

        let pools: [String: Pool]
        let ageSeconds: Double
    }

    private static func pool(of door: some Doorway) async throws -> Body.Pool {
        let answer = try await door.request("GET", "/autoscaling/v1/pools")
        guard answer.status == 200 else { throw ServerError("\(answer.status): \(answer.body)") }
        return try #require(try JSONDecoder().decode(Body.self, from: Data(answer.body.utf8)).pools["default"])
    }

    private static func pool(
        of door: some Doorway, _ what: String, _ condition: (Body.Pool) -> Bool
    ) async throws -> Body.Pool {
        try await Waiting.value(of: what) {
            let pool = try await Self.pool(of: door)
            guard condition(pool) else { throw ServerError("\(pool)") }
            return pool
        }
    }

    private static func door(_ process: CardumeProcess) async throws -> SingleDoor {
        SingleDoor(port: try await process.port())
    }

    /// Whoever is asked says the same; the exporter still says it when nobody works any more, and says nothing when it cannot
    /// know.
    @Test func everyProcessSaysTheSameAndTheExporterOutlivesThem() async throws {
        var options = ClusterDeployment.Options()
        options.sandbox.modelLatency = .seconds(50)...(.seconds(50))
        let deployment = try await ClusterDeployment(options)
        let environment = ["CARDUME_ASSISTANTS_SUPORTE_SLOTS": "4", "CARDUME_TIME_LIMITS_LOW": "300s"]
        let workers = try await deployment.startAll(workers: 3, environment: environment)
        let exporter = try await Self.door(try await deployment.start("exporter", environment: environment))
        let idle = try await Self.pool(of: exporter, "three pods") { $0.pods == 3 && $0.unknownPods.isEmpty }
        #expect(idle.demandSlots == 0 && idle.suggestedPods == 0 && idle.slotsPerPod == 4)

        try await deployment.deliverAll(conversations: 40, messages: 1)
        // Its configuration says nothing of the slots; the figures do not depend on that.
        var doors = [exporter, SingleDoor(port: try deployment.port)]
        for worker in workers { doors.append(try await Self.door(worker)) }
        var pools: [Body.Pool] = []
        for door in doors {
            pools.append(
                try await Self.pool(of: door, "12 turns and 28 that wait") { $0.inFlight == 12 && $0.waitingMessages == 28 })
        }
        for pool in pools {
            #expect(pool.demandSlots == 16.667, "12, and 28 messages of an assumed 5 s within 30 s")
            #expect(pool.waitingConversations == 28 && pool.meanTurnSeconds == nil && pool.excluded.isEmpty)
            #expect(pool.pods == 3 && pool.unknownPods.isEmpty)
        }
        #expect(pools[0].verdict.hasPrefix("scale: yes, from 3 to 6; 16.7 of 12 slots are asked for, 28 messages"))
        let metrics = try await exporter.request("GET", "/metrics")
        #expect(metrics.body.contains("\ncardume_pool_demand_slots{pool=\"default\"} 16.6"))
        #expect(!metrics.body.contains("cardume_pool_mean_turn_seconds"), "none was measured: absent, not 0")

        for worker in workers { worker.signal(SIGKILL) }
        let alone = try await Self.pool(of: exporter, "nobody at work") { $0.pods == 0 && $0.inFlight == 0 }
        #expect(alone.waitingMessages == 40 && alone.demandSlots == 6.667)
        #expect(alone.verdict.hasPrefix("scale: yes, from 0 to 3; nobody serves this pool"))

        deployment.postgres.pause()
        try await Waiting.until("the exporter to say that it does not know") {
            try await exporter.request("GET", "/autoscaling/v1/pools").status == 503
        }
        let silent = try await exporter.request("GET", "/metrics")
        #expect(silent.status == 200 && !silent.body.contains("cardume_pool_demand_slots"))
        #expect(silent.body.contains("cardume_pool_slots_per_pod{pool=\"default\"} 4\n"))
        #expect(try await exporter.request("GET", "/health/live").status == 200)
        #expect(try await exporter.request("GET", "/health/ready").status == 200)
        let health = try await exporter.request("GET", "/health")
        #expect(health.status == 503 && health.body.contains("\"status\":\"unhealthy\""))
        deployment.postgres.resume()
        _ = try await Self.pool(of: exporter, "it to be back") { $0.waitingMessages == 40 }
    }

    @Test func oneProcessTellsItsOwn() async throws {
        let deployment = try await Deployment(assistant: "attempts: 1")
        try await deployment.start()
        try await deployment.deliver(Load.contact(0), "C0M0", "oi")
        try await deployment.settle(replies: 1)
        let pool = try await Self.pool(of: deployment, "a turn measured") { $0.meanTurnSeconds != nil }
        #expect(pool.pods == 1 && pool.demandSlots == 0 && pool.slotsPerPod == 200)
        #expect(pool.verdict.hasPrefix("scale: no; "))
        let health = try await deployment.request("GET", "/health")
        #expect(health.status == 200 && health.body.contains("\"consumption\":{\"status\":\"healthy\"}"), "\(health.body)")
        #expect(
            health.body.contains("\"shards\":{\"status\":\"healthy\"}") && health.body.contains("\"summary\":\"all is well\""))

        let exporter = try CardumeProcess(["exporter"], folder: deployment.folder.path)
        #expect(await exporter.end() == 1)
        #expect(exporter.output.contains("exporter needs a cluster"))
        #expect(try await deployment.terminate() == 0)
    }

    /// A worker whose reads bring nothing from the third message on, while all its other connections are well.
    private struct Deaf {
        let deployment: ClusterDeployment
        let proxy: FaultyProxy
        let worker: CardumeProcess

        init(environment: [String: String] = [:]) async throws {
            self.deployment = try await ClusterDeployment()
            self.proxy = try await FaultyProxy.start(to: self.deployment.redis.port)
            try await self.deployment.startGateway()
            self.worker = try await self.deployment.start(
                "worker",
                environment: environment.merging(["CARDUME_REDIS_URL": "redis://127.0.0.1:\(self.proxy.port)"]) { $1 })
            try await self.deployment.balance(over: 1)
            try await self.deployment.deliver(Load.contact(0), "C0M0", "mensagem 0")
            try await self.deployment.settle(replies: 1)
            try await self.proxy.set(.swallow(after: "XREAD"))
            // The read under way brings this one; the next is swallowed.
            try await self.deployment.deliver(Load.contact(0), "C0M1", "mensagem 1")
            try await self.deployment.settle(replies: 2)
            try await self.deployment.deliver(Load.contact(0), "C0M2", "mensagem 2")
        }
    }

    /// The control: connecting again, which a read without an answer leads to, does not help.
    @Test func swallowedReadsThatNobodyLooksForBringNothing() async throws {
        let deaf = try await Deaf(environment: ["CARDUME_HEALTH_READER_PATIENCE": "300s"])
        try await Waiting.until("the reader to connect again, twice", within: .seconds(60)) {
            deaf.worker.lines("connection to Redis lost").count >= 2
        }
        #expect(deaf.deployment.sandbox.sends.count == 2)
        #expect(try await deaf.deployment.depth() == 1)
        #expect(deaf.worker.lines("begins again").isEmpty)
    }

    /// A connection over which reads bring nothing, while all others are well: found, and started again.
    @Test func swallowedReadsAreFoundAndReadAnotherWay() async throws {
        let deaf = try await Deaf()
        let (deployment, proxy, worker) = (deaf.deployment, deaf.proxy, deaf.worker)
        let begin = ContinuousClock.now
        let door = try await Self.door(worker)
        var statuses: Set<Int> = []
        try await Waiting.until("the reader to be started again", within: .seconds(40)) {
            statuses.insert(try await door.request("GET", "/health/live").status)
            return !worker.lines("begins again").isEmpty
        }
        let found = ContinuousClock.now - begin
        try await deployment.settle(replies: 3)
        print("swallowed reads: found after \(found), answered after \(ContinuousClock.now - begin)")
        #expect(found < .seconds(20), "within ten seconds, on a machine with nothing else to do")
        #expect(statuses == [200], "starting it again has helped")
        try await proxy.set(.pass)
        try await Waiting.until("all to be well") {
            try await door.request("GET", "/health").body.contains("\"consumption\":{\"status\":\"healthy\"}")
        }
        try await deployment.check(conversations: 1, messages: 3)

        // A store that is away is no reason to end a process.
        try await proxy.set(.stall)
        try await Waiting.until("the log to be missed") { try await door.request("GET", "/health").status == 503 }
        #expect(try await door.request("GET", "/health/live").status == 200)
        #expect(try await door.request("GET", "/health/ready").status == 200)
        try await proxy.set(.pass)
    }
}
