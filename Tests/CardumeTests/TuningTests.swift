import AsyncHTTPClient
import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Settings and pauses that change while real processes work.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TuningTests {
    private static let token = "token-de-operador"

    /// A cluster whose workers can be tuned, and the commands that do it.
    private struct Bed {
        let deployment: ClusterDeployment
        let workers: [CardumeProcess]

        init(workers count: Int, slots: Int, latency: ClosedRange<Duration>) async throws {
            var options = ClusterDeployment.Options()
            options.assistants = ["financeiro": ""]
            options.sandbox.modelLatency = latency
            options.sandbox.sendLatency = .zero...(.milliseconds(2))
            self.deployment = try await ClusterDeployment(options)
            self.workers = try await self.deployment.startAll(
                workers: count,
                environment: [
                    "CARDUME_ADMIN_TOKEN": TuningTests.token, "CARDUME_ASSISTANTS_FINANCEIRO_SLOTS": String(slots),
                ])
        }

        /// Through one of the workers.
        @discardableResult
        func cardume(_ arguments: String..., expecting status: Int32 = 0, through worker: Int = 0) async throws -> String {
            let port = try await self.workers[worker].port()
            let (end, output) = try await self.deployment.call(
                arguments,
                environment: [
                    "CARDUME_ADMIN_TOKEN": TuningTests.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(port)/",
                    "CARDUME_OPERATOR": "ana",
                ])
            #expect(end == status, "\(arguments): \(output)")
            return output
        }

        struct Status: Decodable {
            struct Assistant: Decodable {
                let slots: Int
                let running: Int
                let waiting: Int
                let paused: Bool
            }
            let settings_version: Int
            let assistants: [String: Assistant]
        }

        func status() async throws -> [Status.Assistant] {
            try await withThrowingTaskGroup(of: Status.Assistant.self) { group in
                for worker in self.workers { group.addTask { try await Self.status(of: worker) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        private static func status(of worker: CardumeProcess) async throws -> Status.Assistant {
            let answer = try await TuningTests.get("/admin/status", try await worker.port(), token: TuningTests.token)
            let status = try JSONDecoder().decode(Status.self, from: Data(answer.body.utf8))
            return try #require(status.assistants["financeiro"])
        }

        /// Waits until all workers say that they have `slots`.
        ///
        /// - Returns: how long after the latest change was journaled the last of them had obeyed, by their logs.
        func obeyed(slots: Int) async throws -> Duration {
            try await Waiting.until("all workers to have \(slots) slots", within: .seconds(20)) {
                try await self.status().allSatisfy { $0.slots == slots }
            }
            let rows = try await self.deployment.rows(
                "SELECT extract(epoch FROM at) * 1000 FROM cardume.setting_changes ORDER BY id DESC LIMIT 1")
            let at = try #require(rows.first.flatMap(Double.init))
            let times = try self.workers.map { worker in
                let line = try #require(worker.lines("setting changed").last { $0.contains("\"new\":\"\(slots)\"") })
                let time = line.components(separatedBy: "\"time\":\"").last?.prefix { $0 != "\"" } ?? ""
                return try Date(String(time), strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            }
            let last = try #require(times.max())
            return .milliseconds(Int64(last.timeIntervalSince1970 * 1_000 - at))
        }

        /// Whether a process could not even renew itself: on such a machine nothing is to be had in time, and a call that was cut
        /// off goes on at the model beside its repetition.
        var isStarved: Bool { self.workers.sum("lost") > 0 }

        /// The most model calls at once, as the model sees it, within `time`.
        func peak(within time: Duration) async throws -> Int {
            let end = ContinuousClock.now + time
            var peak = 0
            while ContinuousClock.now < end {
                peak = max(peak, self.deployment.sandbox.runningModelCalls)
                try await ContinuousClock().sleep(for: .milliseconds(5))
            }
            return peak
        }

        /// Every message was answered once, in order, at its first attempt.
        func conclude(conversations: Int, messages: Int) async throws {
            try await self.deployment.settle(replies: conversations * messages, within: .seconds(120))
            let doubts = try await self.deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
            #expect(doubts == 0 || self.isStarved)
            try await self.deployment.check(conversations: conversations, messages: messages, repeats: doubts)
            #expect(try await self.deployment.rows("SELECT DISTINCT attempt FROM cardume.turns") == ["1"])
            let attempts = try await self.deployment.number("SELECT max(attempts) FROM cardume.sends")
            #expect(attempts == 1 || self.isStarved)
            for worker in self.workers { worker.signal(SIGTERM) }
            for worker in self.workers { #expect(await worker.end() == 0) }
        }
    }

    private static func get(_ path: String, _ port: Int, token: String?) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        return Answer(status: Int(response.status.code), body: String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }

    @Test func sixWorkersObeyWithinTwoSeconds() async throws {
        let bed = try await Bed(workers: 6, slots: 2, latency: .milliseconds(450)...(.milliseconds(550)))
        try await bed.deployment.deliverAll(conversations: 160, messages: 10)
        try await Waiting.until("12 model calls at once") { bed.deployment.sandbox.runningModelCalls == 12 }
        let first = try await bed.peak(within: .seconds(1))
        #expect(first == 12 || bed.isStarved, "six workers with two slots each")

        try await bed.cardume("tune", "set", "financeiro.concurrency", "8", "--reason", "black friday")
        let raised = try await bed.obeyed(slots: 8)
        try await Waiting.until("the model to see more than 40 calls at once") {
            bed.deployment.sandbox.runningModelCalls > 40
        }
        let high = try await bed.peak(within: .seconds(1))
        #expect(high <= 48 || bed.isStarved)

        try await bed.cardume("tune", "set", "financeiro.concurrency", "3", through: 5)
        let lowered = try await bed.obeyed(slots: 3)
        // Nothing is interrupted, so one may still run more while another has begun anew.
        try await Waiting.until("what ran to end") { try await bed.status().allSatisfy { $0.running <= 3 } }
        let low = try await bed.peak(within: .seconds(1))
        #expect((13...18).contains(low) || bed.isStarved)

        let refusal = try await bed.cardume("tune", "set", "financeiro.concurrency", "100001", expecting: 1)
        #expect(refusal.contains("expected integer, 1 to 100000"), "\(refusal)")
        try await bed.cardume("tune", "rollback", "1", through: 3)
        let rolledBack = try await bed.obeyed(slots: 8)
        let history = try await bed.cardume("tune", "history", "financeiro.slots", through: 2).split(separator: "\n")
        #expect(history.count == 4, "\(history)")
        #expect(history[1].hasPrefix("3 ") && history[1].contains("rollback to 1"))
        #expect(history[3].hasPrefix("1 ") && history[3].contains(" ana ") && history[3].contains("black friday"))
        print(
            """
            obeyed by six workers: 2 → 8 after \(raised), 8 → 3 after \(lowered), rolled back after \(rolledBack); \
            model calls at once: 12, \(high), \(low)
            """)
        for elapsed in [raised, lowered, rolledBack] { #expect(elapsed < .seconds(2) || bed.isStarved) }
        try await bed.conclude(conversations: 160, messages: 10)
    }

    @Test func pausesLoseNothing() async throws {
        let bed = try await Bed(workers: 2, slots: 4, latency: .milliseconds(350)...(.milliseconds(450)))
        try await bed.deployment.deliverAll(conversations: 50, messages: 8)
        try await bed.deployment.sent(50)
        for name in ["financeiro", "*"] {
            try await bed.cardume("pause", name, "--reason", "manutenção", through: 1)
            // Everybody knows after two seconds; what runs ends.
            var sent = -1
            try await Waiting.until("silence") {
                let now = bed.deployment.sandbox.sends.count
                guard now == sent, bed.deployment.sandbox.runningModelCalls == 0 else {
                    sent = now
                    try await ContinuousClock().sleep(for: .seconds(1))
                    return false
                }
                return true
            }
            #expect(sent <= 350, "nothing was left to wait")
            if name == "financeiro" {
                #expect(try await bed.status().allSatisfy { $0.paused && $0.running == 0 && $0.waiting > 0 })
            }
            try await bed.cardume("resume", name)
            try await bed.deployment.sent(sent + 50)
        }
        try await bed.conclude(conversations: 50, messages: 8)
    }

    @Test func aPauseEndsByItselfAndOutlivesARestart() async throws {
        let deployment = try await Deployment(extra: "admin: { token: \(Self.token) }")
        try await deployment.start()
        func set(_ path: String, _ body: String) async throws -> Answer {
            try await deployment.request(
                "PUT", "/admin/settings/\(path)", headers: ["Authorization": "Bearer \(Self.token)"], body: Array(body.utf8))
        }
        #expect(try await set("suporte.paused", #"{"value": true}"#).status == 200)
        #expect(try await set("suporte.slots", #"{"value": 3}"#).status == 200)
        #expect(try await deployment.terminate() == 0)
        try await deployment.start()
        try await deployment.deliver(Load.contact(0), "C0M0", "mensagem 0")
        let status = try await Self.get("/admin/status", try deployment.port, token: Self.token).body
        #expect(status.contains(#""paused":true"#) && status.contains(#""slots":3"#), "\(status)")
        #expect(try await set("suporte.paused", #"{"value": true, "expires_in": "1s"}"#).status == 200)
        #expect(deployment.sandbox.sends.isEmpty, "paused from its start on")
        try await deployment.settle(replies: 1)
        #expect(try deployment.rows("SELECT action FROM setting_changes ORDER BY id") == ["set", "set", "set", "expired"])
        #expect(try await deployment.terminate() == 0)
    }

    @Test func aChannelThatItsConfigurationPausesCanBeResumed() async throws {
        let deployment = try await Deployment()
        try await deployment.start(
            environment: ["CARDUME_CHANNELS___PAUSED": "true", "CARDUME_ADMIN_TOKEN": Self.token])
        try await deployment.deliver(Load.contact(0), "C0M0", "mensagem 0")
        let command = try CardumeProcess(
            ["resume", "*"],
            environment: [
                "CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(try deployment.port)",
                "CARDUME_CHANNELS___PAUSED": "true",
            ], folder: deployment.folder.path)
        #expect(deployment.sandbox.modelCalls == 0)
        #expect(await command.end() == 0)
        try await deployment.settle(replies: 1)
        #expect(try deployment.rows("SELECT path || new FROM setting_changes") == ["channels.*.pausedfalse"])
        #expect(try await deployment.terminate() == 0)
    }

    @Test func longValuesAreShortInLists() async throws {
        struct Changes: Decodable {
            struct Change: Decodable {
                let new: String?
                let shortened: Bool?
            }
            let changes: [Change]
        }
        let deployment = try await Deployment(extra: "admin: { token: \(Self.token) }")
        try await deployment.start()
        let headers = ["Authorization": "Bearer \(Self.token)"]
        let prompt = String(repeating: "Você é o atendente. ", count: 100)
        for value in [prompt, "Curto."] {
            let answer = try await deployment.request(
                "PUT", "/admin/settings/suporte.prompt", headers: headers, body: Array("{\"value\": \"\(value)\"}".utf8))
            #expect(answer.status == 200, "\(answer.body)")
        }
        let list = try await Self.get("/admin/settings/history", try deployment.port, token: Self.token)
        let changes = try JSONDecoder().decode(Changes.self, from: Data(list.body.utf8)).changes
        #expect(changes.map(\.shortened) == [true, true], "the one that ended it has it, too")
        #expect(changes.last?.new == prompt.prefix(1_024) + "…")
        let one = try await Self.get("/admin/settings/history/1", try deployment.port, token: Self.token)
        let change = try JSONDecoder().decode(Changes.Change.self, from: Data(one.body.utf8))
        #expect(change.new == prompt && change.shortened == nil)
        for (path, status) in [("3", 404), ("x", 400)] {
            #expect(
                try await Self.get("/admin/settings/history/\(path)", try deployment.port, token: Self.token).status == status)
        }
        let command = try CardumeProcess(
            ["tune", "history", "--change", "1"],
            environment: ["CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(try deployment.port)"],
            folder: deployment.folder.path)
        #expect(await command.end() == 0)
        #expect(command.output.contains("new: \(prompt)"), "\(command.output)")
        let all = try CardumeProcess(
            ["tune", "list", "--all"],
            environment: ["CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(try deployment.port)"],
            folder: deployment.folder.path)
        #expect(await all.end() == 0)
        #expect(all.output.contains("data_folder") && all.output.contains("credits"), "\(all.output)")
        #expect(try await deployment.terminate() == 0)
    }

    @Test func adminIsClosedToOthers() async throws {
        let deployment = try await Deployment()
        try await deployment.start()
        #expect(
            try await Self.get("/admin/settings", try deployment.port, token: Deployment.token).status == 404, "no admin.token")
        #expect(try await deployment.terminate() == 0)
        try await deployment.start(environment: ["CARDUME_ADMIN_TOKEN": Self.token])
        for token in [nil, "", Deployment.token, Self.token + "x"] {
            for path in ["/admin/settings", "/admin/status", "/admin/settings/credits", "/admin/settings/history"] {
                #expect(try await Self.get(path, try deployment.port, token: token).status == 401)
            }
        }
        let all = try await Self.get("/admin/settings?all=true", try deployment.port, token: Self.token)
        #expect(all.status == 200)
        #expect(all.body.contains(#""path":"api.token""#))
        for secret in [Deployment.token, Deployment.key, Deployment.metaSecret, Self.token] {
            #expect(!all.body.contains(secret), "a secret is shown")
        }
        #expect(try await deployment.terminate() == 0)
        #expect(!(try deployment.process.output.contains(Self.token)))
    }
}
