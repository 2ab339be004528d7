import CardumeRuntime
import CardumeTrials
import Foundation
import TestSupport
import Testing

@testable import CardumeTesting

/// `/metrics` of real processes.
@Suite(.serialized, .timeLimit(.minutes(4))) struct MetricsTests {
    /// Families that no well-meant exercise brings about. Each has a test of its own beside the registry and the observer.
    private static let unprovoked: Set<String> = [
        "cardume_metrics_overflow_total", "cardume_store_failures_total", "cardume_partitions_abandoned_total",
        "cardume_reader_restarts_total", "cardume_postgres_replica_usable", "cardume_postgres_replica_lag_seconds",
        "cardume_postgres_replica_reads_total",
    ]
    private static let token = "token-de-operador"
    private static let families = Dictionary(uniqueKeysWithValues: MetricFamily.all.map { ($0.name, $0) })

    private static func page(_ door: some Doorway) async throws -> (text: String, page: PrometheusPage) {
        let answer = try await door.request("GET", "/metrics")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        return (answer.body, PrometheusPage(answer.body))
    }

    /// Well-formed, and nothing on it that is not declared so.
    private static func check(_ text: String) async throws {
        let page = PrometheusPage(text)
        #expect(page.problems == [])
        for series in page.series {
            guard let name = page.family(of: series), let family = Self.families[name] else {
                Issue.record("\(series.name) is not declared")
                continue
            }
            #expect(page.types[name] == family.kind.rawValue)
            #expect(Set(series.labels.keys).subtracting(["le"]) == Set(family.labels), "\(series)")
        }
        let keys = page.series.map { series in "\(series.name) \(series.labels.sorted { $0.key < $1.key })" }
        #expect(Set(keys).count == keys.count, "a series comes twice")
        #expect(!text.contains(Load.contact(0).prefix(7)), "a contact's number is on the page")
        try await Promtool.check(text)
    }

    private static func image(_ contact: String) -> [UInt8] {
        Array(
            """
            {"event":"messages.upsert","instance":"loja-uberlandia","data":{"key":{"remoteJid":"\(contact)@s.whatsapp.net",\
            "fromMe":false,"id":"IMG\(contact)"},"pushName":"Marina","message":{"imageMessage":{"caption":"foto",\
            "mimetype":"image/jpeg"}},"messageType":"imageMessage","messageTimestamp":1795176000}}
            """.utf8)
    }

    // MARK: The whole

    /// One process that does everything, and is treated badly; then a gateway and a worker. Together they show every family.
    @Test func everyDeclaredFamilyAppearsWhereItsCauseIs() async throws {
        let alone = try await Self.embedded()
        let together = try await Self.cluster()
        let seen = alone.union(together)
        let missing = Set(MetricFamily.all.map(\.name)).subtracting(seen).subtracting(Self.unprovoked)
        #expect(missing == [])
        print("metrics: \(seen.count) families seen, \(alone.count) of them in one process alone")
    }

    private static func embedded() async throws -> Set<String> {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(5)...(.milliseconds(40))
        settings.modelPoison = "veneno"
        let deployment = try await Deployment(
            settings,
            assistant: """
                attempts: 2, daily_cost_limit: 1000, late: { after: 1ms }, lanes: { image: { separate: true, slots: 4 } }, \
                timers: { auto_close: { after: 1s, say: "Até logo!", closes: true } }
                """,
            others: ["vendas": "slots: 4"],
            door: "rate_limits: { per_minute: 0, burst: 0, client: { per_minute: 2 } }",
            // One of the two servers is not there.
            extra: """
                    health_check: 0s
                    servers: { a: { base_url: SANDBOX }, b: { base_url: "http://127.0.0.1:1" } }
                  vendas-1: { kind: evolution, base_url: SANDBOX, key: qualquer, assistant: vendas }
                breakers: { open_for: 1s }
                """)
        try await deployment.start(environment: [
            "CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_MODEL_PRICE_INPUT_PER_MILLION": "2",
            "CARDUME_MODEL_REQUESTS_PER_MINUTE": "100000",
        ])
        try await Self.provoke(deployment)
        let expected = Set(MetricFamily.all.map(\.name)).subtracting(Self.unprovoked).filter { name in
            !["cardume_redis_", "cardume_postgres_", "cardume_spool_"].contains { name.hasPrefix($0) }
        }
        let seen = try await Self.wait(for: expected, at: deployment)
        try await Self.agree(deployment)
        #expect(try await deployment.terminate() == 0)
        return seen
    }

    private static func provoke(_ deployment: Deployment) async throws {
        // Turns, a server that is not there, doubts.
        try await deployment.deliverAll(conversations: 30, messages: 2)
        try await Waiting.until("60 replies", within: .seconds(60)) { deployment.sandbox.sends.count >= 60 }
        deployment.sandbox.update { ($0.sendFaults, $0.sendFault) = (1, .errorAfterSend) }
        for contact in 30..<40 { try await deployment.deliver(Load.contact(contact), "D\(contact)", "oi") }
        try await Waiting.until("doubts that ended", within: .seconds(60)) {
            try await Self.page(deployment).page.value("cardume_sends_reconciled_total", ["outcome": "found"]) ?? 0 >= 10
        }
        deployment.sandbox.update { ($0.sendFaults, $0.sendFault) = (1, .unavailable) }
        try await deployment.deliver(Load.contact(1), "R1", "de novo")
        try await Waiting.until("a reply that is sent again", within: .seconds(60)) {
            try await Self.page(deployment).page.value("cardume_send_retries_total") ?? 0 > 0
        }
        deployment.sandbox.update { $0.sendFaults = 0 }
        // A lane of its own, a dead letter, a caller without measure, a setting.
        let image = try await deployment.request(
            "POST", "/webhook/evolution", headers: ["apikey": Deployment.key], body: Self.image(Load.contact(2)))
        #expect(image.status == 200)
        try await deployment.deliver(Load.contact(3), "P1", "veneno")
        for _ in 0..<4 {
            _ = try await deployment.request(
                "POST", "/v1/messages",
                headers: ["Authorization": "Bearer \(Deployment.token)", "X-Client-ID": "painel"],
                body: Array(#"{"channel":"loja-uberlandia","contact":"painel","text":"oi"}"#.utf8))
        }
        #expect(try await deployment.request("POST", "/webhook/evolution", body: []).status == 401)
        #expect(try await deployment.request("GET", "/no/such/path").status == 404)
        let tuning = try CardumeProcess(
            ["tune", "set", "suporte.concurrency", "150"],
            environment: ["CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(try deployment.port)/"],
            folder: deployment.folder.path)
        #expect(await tuning.end() == 0, "\(tuning.output)")
    }

    /// Asks until all of `families` have been on the page, while there is something to do for an adaptive limit to learn from.
    private static func wait(for families: Set<String>, at deployment: Deployment) async throws -> Set<String> {
        var text = ""
        var seen: Set<String> = []
        var round = 0
        do {
            try await Waiting.until("all families", within: .seconds(90)) {
                // Not more than can be worked off in the end.
                let waiting = Int(try deployment.rows("SELECT count(*) FROM queue")[0]) ?? 0
                for contact in 0..<8 where waiting < 40 {
                    try await deployment.deliver(Load.contact(100 + contact), "V\(round)C\(contact)", "oi", to: "vendas-1")
                }
                round += 1
                text = try await Self.page(deployment).text
                seen = PrometheusPage(text).families
                return families.isSubset(of: seen)
            }
        } catch {
            Issue.record("missing: \(families.subtracting(seen).sorted())")
        }
        try await Self.check(text)
        return seen
    }

    /// What the page says is what the journal and the sandbox say.
    private static func agree(_ deployment: Deployment) async throws {
        try await Waiting.until("an empty log", within: .seconds(60)) {
            try deployment.rows("SELECT count(*) FROM queue") == ["0"]
                && deployment.rows("SELECT count(*) FROM timers") == ["0"]
        }
        // Measured once a second.
        try await Waiting.until("a page that says so") {
            try await Self.page(deployment).page.value("cardume_queue_depth") == 0
        }
        let page = try await Self.page(deployment).page
        func total(_ name: String, _ labels: [String: String] = [:]) -> Int? { page.value(name, labels).map { Int($0) } }
        let turns = Int(try deployment.rows("SELECT count(*) FROM turns")[0])
        #expect(total("cardume_turn_duration_seconds_count", ["outcome": "succeeded"]) == turns)
        #expect(total("cardume_turn_wait_seconds_count") == turns)
        let letters = Int(try deployment.rows("SELECT count(*) FROM dead_letters")[0])
        #expect(total("cardume_dead_letters_total") == letters && letters == 1)
        let closings = Int(try deployment.rows("SELECT count(*) FROM timers_audit WHERE outcome = 'closed'")[0])
        #expect(total("cardume_conversations_closed_total") == closings)
        #expect(total("cardume_conversation_resolution_seconds_count") == closings)
        // One that fired just when its contact wrote closed nothing.
        #expect(total("cardume_timers_fired_total", ["rule": "auto_close"]) ?? 0 >= closings ?? 0)
        let accepted = Int(try deployment.rows("SELECT count(*) FROM sends WHERE state = 'accepted'")[0])
        #expect(total("cardume_replies_total", ["outcome": "accepted"]) == accepted)
        #expect(total("cardume_model_requests_total") == deployment.sandbox.modelCalls)
        let tokens = Int(try deployment.rows("SELECT sum(prompt_tokens) FROM usage_daily")[0])
        #expect(total("cardume_model_tokens_total", ["kind": "prompt"]) == tokens)
        #expect(total("cardume_queue_depth") == 0)
        #expect(total("cardume_slots_in_use") == 0 && total("cardume_slots_waiting") == 0)
        #expect(total("cardume_conversations_busy") == 0 && total("cardume_oldest_message_seconds") == 0)
        #expect(total("cardume_rate_limit_refusals_total", ["dimension": "client"]) == 2)
        #expect(total("cardume_messages_refused_total", ["reason": "rate_limited"]) == 2)
        #expect(total("cardume_setting_changes_total") == 1)
        #expect(total("cardume_slots_limit", ["assistant": "suporte"]) == 150)
        #expect(total("cardume_partitions_owned") == 64 * 3)
        #expect(total("cardume_process_phase", ["phase": "ready"]) == 1)
    }

    private static func cluster() async throws -> Set<String> {
        let deployment = try await ClusterDeployment()
        _ = try await deployment.redis.cli("CONFIG", "SET", "maxmemory", "512mb")
        let worker = try await deployment.start("worker")
        try await deployment.startGateway(environment: ["CARDUME_SPOOL_FOLDER": deployment.spoolFolder()])
        try await deployment.balance(over: 1)
        try await deployment.deliverAll(conversations: 10, messages: 3)
        try await deployment.settle(replies: 30)
        // Both speak of the whole deployment, as they last measured it.
        let workerDoor = SingleDoor(port: try await worker.port())
        try await Waiting.until("empty queues on both pages") {
            let gatewayDepth = try await Self.page(deployment).page.value("cardume_queue_depth")
            let workerDepth = try await Self.page(workerDoor).page.value("cardume_queue_depth")
            return gatewayDepth == 0 && workerDepth == 0
        }
        let gatewayPage = try await Self.page(deployment)
        let workerPage = try await Self.page(workerDoor)
        try await Self.check(gatewayPage.text)
        try await Self.check(workerPage.text)
        #expect(gatewayPage.page.value("cardume_messages_received_total", ["outcome": "queued"]) == 30)
        #expect(gatewayPage.page.value("cardume_build_info", ["role": "gateway"]) == 1)
        #expect(workerPage.page.value("cardume_messages_finished_total") == 30)
        #expect(workerPage.page.value("cardume_replies_total", ["outcome": "accepted"]) == 30)
        #expect(workerPage.page.value("cardume_partitions_owned") == 64)
        #expect(workerPage.page.value("cardume_cluster_members") == 1)
        let memory = ("cardume_redis_memory_limit_bytes", Double(512 << 20))
        #expect(workerPage.page.value(memory.0) == memory.1 && gatewayPage.page.value(memory.0) == memory.1)
        return gatewayPage.page.families.union(workerPage.page.families)
    }

    // MARK: Edges

    @Test func aPageIsServedWhileTheDoorsAreShut() async throws {
        let deployment = try await Deployment(
            door: """
                load: { queue_threshold: 1, pending_threshold: 1, max_queue_length: 1 }
                rate_limits: { per_minute: 1, burst: 1 }
                """)
        deployment.sandbox.update { $0.modelLatency = .seconds(30)...(.seconds(30)) }
        try await deployment.start()
        try await deployment.deliver(Load.contact(0), "M0", "oi")
        try await Waiting.until("a shut door") {
            try await deployment.request(
                "POST", "/webhook/evolution", headers: ["apikey": Deployment.key],
                body: Load.webhook(Load.contact(1), "M1", "oi")
            ).status == 503
        }
        for _ in 0..<50 { _ = try await Self.page(deployment) }
        let page = try await Self.page(deployment).page
        #expect(page.value("cardume_load_level", ["assistant": "suporte", "level": "critical"]) == 1)
        #expect(page.value("cardume_messages_refused_total", ["reason": "overloaded"]) ?? 0 > 0)
        #expect(try await deployment.request("POST", "/metrics").status == 405)
    }

    @Test func metricsCanBeSwitchedOff() async throws {
        let deployment = try await Deployment()
        try await deployment.start(environment: ["CARDUME_METRICS_ENABLED": "false"])
        #expect(try await deployment.request("GET", "/metrics").status == 404)
        try await deployment.deliverAll(conversations: 2, messages: 2)
        try await deployment.settle(replies: 4)
    }
}
