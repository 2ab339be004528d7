import CardumeRuntime
import CardumeTesting
import CardumeTrials
import Foundation
import GRDB
import TestSupport
import Testing

/// The commands, and workers that look after the data by themselves.
@Suite(.serialized, .timeLimit(.minutes(4))) struct UpkeepTests {
    private static func archive(_ folder: String) throws -> [String: String] {
        let path = "\(folder)/archive"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return ["CARDUME_ARCHIVE_FOLDER": path]
    }

    /// All rows of all conversations, without what dates them: those are set back by the tests.
    private static let rows = """
        SELECT 'm' || conversation || id || role || coalesce(message_id, '') || encode(text, 'hex') || at FROM cardume.messages
        UNION ALL SELECT 't' || conversation || turn || assistant || finished_at FROM cardume.turns
        UNION ALL SELECT 's' || conversation || turn || part || state || coalesce(provider_id, '') FROM cardume.sends
        UNION ALL SELECT 'c' || conversation || turns || first_at || latest_at FROM cardume.conversations ORDER BY 1
        """

    @Test func aClustersConversationsLeaveAndComeBack() async throws {
        let deployment = try await ClusterDeployment()
        let environment = try Self.archive(deployment.workingFolder)
        let worker = try await deployment.start("worker", environment: environment)
        try await deployment.startGateway()
        try await deployment.balance(over: 1)
        try await deployment.deliverAll(conversations: 6, messages: 2)
        try await deployment.settle(replies: 12)
        // The worker has made a pass of its own at its start.
        try await Waiting.until("a pass") {
            try await deployment.number("SELECT count(*) FROM cardume.upkeep WHERE due_at > 0 AND holder IS NULL") == 1
        }
        // Half of them have been silent for a hundred days.
        let old = try await deployment.rows("SELECT conversation FROM cardume.conversations ORDER BY 1 LIMIT 3")
        let list = old.map { "'\($0)'" }.joined(separator: ", ")
        let columns = [
            ("messages", ["at"]), ("turns", ["started_at", "finished_at"]), ("conversations", ["first_at", "latest_at"]),
        ]
        for (table, times) in columns {
            let changes = times.map { "\($0) = date_trunc('milliseconds', \($0) - interval '100 days')" }
            try await deployment.postgres.psql(
                "UPDATE cardume.\(table) SET \(changes.joined(separator: ", ")) WHERE conversation IN (\(list))")
        }
        let before = try await deployment.rows(Self.rows)
        let trial = try await deployment.call(["maintain", "--dry-run"], environment: environment)
        #expect(trial.status == 0 && trial.output.contains("3 conversations would be archived"), "\(trial.output)")
        #expect(try await deployment.rows(Self.rows) == before)
        let pass = try await deployment.call(["maintain"], environment: environment)
        #expect(pass.status == 0 && pass.output.contains("3 conversations archived"), "\(pass.output)")
        #expect(pass.output.contains("6 turns archived") && pass.output.contains("12 lines archived"), "\(pass.output)")
        #expect(try await deployment.number("SELECT count(*) FROM cardume.turns") == 6)
        #expect(try await deployment.rows(Self.rows).allSatisfy { row in !old.contains { row.contains($0) } })
        // What is there, and whether it is well.
        let listed = try await deployment.call(["archive", "list", "--conversation", old[0]], environment: environment)
        #expect(listed.status == 0 && listed.output.contains("conversations-"), "\(listed.output)")
        let verified = try await deployment.call(["archive", "verify"], environment: environment)
        #expect(verified.status == 0 && verified.output.contains("3 conversations, well"), "\(verified.output)")
        // One comes back, then all.
        let one = ["archive", "restore", "--conversation", old[0]]
        let dry = try await deployment.call(one + ["--dry-run"], environment: environment)
        #expect(dry.output.contains("1 conversations: 4 lines, 2 turns, 2 sends, 0 timers are missing"), "\(dry.output)")
        #expect(try await deployment.call(one, environment: environment).status == 0)
        #expect(try await deployment.rows(Self.rows) == before.filter { row in !old.dropFirst().contains { row.contains($0) } })
        let file = try #require(listed.output.split(separator: "\n").last?.split(separator: " ").first.map(String.init))
        let all = try await deployment.call(["archive", "restore", file], environment: environment)
        #expect(all.status == 0, "\(all.output)")
        #expect(try await deployment.rows(Self.rows) == before)
        let audit = try await deployment.rows(
            "SELECT target FROM cardume.admin_audit WHERE action = 'archive.restore' AND status = 200 ORDER BY id")
        #expect(audit == [old[0], file])
        let again = try await deployment.call(["maintain", "--json"], environment: environment)
        #expect(again.status == 0 && again.output.contains("\"archived\" : {"), "\(again.output)")
        #expect(try await deployment.rows(Self.rows) == before, "what came back stays")
        // Nothing of this was in anybody's way.
        try await deployment.deliverAll(conversations: 6, messages: 3)
        try await deployment.settle(replies: 18)
        #expect(worker.lines("\"level\":\"error\"") == [])
        // A damaged file is found, and not restored.
        let path = "\(deployment.workingFolder)/archive/\(file)"
        var data = try Data(contentsOf: URL(filePath: path))
        data[data.count / 2] ^= 1
        try data.write(to: URL(filePath: path))
        #expect(try await deployment.call(["archive", "verify"], environment: environment).status == 1)
        #expect(try await deployment.call(["archive", "restore", file], environment: environment).status == 1)
    }

    /// Two workers: one makes the pass, both publish when it was.
    @Test func oneWorkerIsElected() async throws {
        let deployment = try await ClusterDeployment()
        try await deployment.postgres.psql(
            """
            INSERT INTO cardume.dead_letters (conversation, message_id, assistant, category, error, attempts, at, message)
            SELECT 'loja:' || i, 'm', 'suporte', 'timeout', 'late', 3, now() - interval '31 days', '{}' FROM generate_series(1, 9) i
            """)
        try await deployment.postgres.psql("UPDATE cardume.upkeep SET succeeded_at = 0")
        let workers = try await deployment.startWorkers(3)
        try await Waiting.until("the letters to expire", within: .seconds(60)) {
            try await deployment.number("SELECT count(*) FROM cardume.dead_letters") == 0
        }
        try await Waiting.until("the pass to end", within: .seconds(60)) {
            try await deployment.number("SELECT count(*) FROM cardume.upkeep WHERE succeeded_at > 0") == 1
        }
        #expect(workers.lines("upkeep done").count == 1)
        #expect(workers.lines("upkeep done").first?.contains("\"deleted\":\"dead_letters 9\"") == true)
        #expect(
            try await deployment.number("SELECT count(*) FROM cardume.admin_audit WHERE action = 'dead_letters.expire'") == 1)
        let deleted = try await workers.pages().compactMap {
            $0.value("cardume_upkeep_deleted_total", ["kind": "dead_letters"])
        }
        #expect(deleted.reduce(0, +) == 9)
        for page in try await workers.pages() {
            #expect(page.value("cardume_upkeep_last_success_timestamp_seconds") != nil)
            #expect(page.value("cardume_postgres_stray_lines") == 0)
        }
    }

    /// Reports are marked on the primary behind the standby's back: what they say tells where it was read.
    @Test func reportsComeFromTheReplicaWhileItIsThere() async throws {
        let deployment = try await ClusterDeployment()
        let standby = try await PostgresServer.startStandby(of: deployment.postgres)
        let token = "token-de-operador"
        let worker = try await deployment.start(
            "worker", environment: ["DATABASE_REPLICA_URL": standby.url, "CARDUME_ADMIN_TOKEN": token])
        let door = SingleDoor(port: try await worker.port())
        func models() async throws -> [String] {
            let answer = try await door.request("GET", "/admin/usage?days=400", headers: ["Authorization": "Bearer \(token)"])
            #expect(answer.status == 200)
            return answer.body.contains("\"depois\"") ? ["depois"] : answer.body.contains("\"antes\"") ? ["antes"] : []
        }
        let day = "INSERT INTO cardume.usage_daily VALUES (current_date, 'suporte', 'antes', 1, 1, 1, 1, 1)"
        try await deployment.postgres.psql(day)
        func reads(_ target: String) async throws -> Double {
            let page = PrometheusPage(try await door.request("GET", "/metrics").body)
            return page.value("cardume_postgres_replica_reads_total", ["target": target]) ?? 0
        }
        try await Waiting.until("a report from the replica") {
            let (seen, count) = (try await models(), try await reads("replica"))
            return seen == ["antes"] && count > 0
        }
        let health = try await door.request("GET", "/health")
        #expect(health.status == 200 && health.body.contains("\"replica\""), "\(health.body)")
        // What the replica does not apply, reports do not see.
        try await standby.psql("SELECT pg_wal_replay_pause()")
        try await Waiting.until("the pause") { try await standby.psql("SELECT pg_get_wal_replay_pause_state()") == "paused" }
        try await deployment.postgres.psql("UPDATE cardume.usage_daily SET model = 'depois'")
        #expect(try await models() == ["antes"])
        // It goes away: the primary answers, and nobody fails.
        try await standby.kill9()
        try await Waiting.until("a report from the primary") { try await models() == ["depois"] }
        #expect(try await reads("primary") > 0)
        let degraded = try await door.request("GET", "/health")
        #expect(degraded.status == 200 && degraded.body.contains("degraded"), "\(degraded.body)")
        #expect(worker.lines("reports ask the primary").count >= 1)
        #expect(worker.lines("reports ask the replica").count >= 1)
    }

    @Test func theEmbeddedDeploymentDoesTheSame() async throws {
        let deployment = try await Deployment()
        let environment = try Self.archive(deployment.folder.path)
        try await deployment.start(environment: environment)
        try await deployment.deliverAll(conversations: 4, messages: 2)
        try await deployment.settle(replies: 8)
        // Nobody else may look after a file that is in use.
        let busy = try CardumeProcess(["maintain"], environment: environment, folder: deployment.folder.path)
        #expect(await busy.end() == 1 && busy.output.contains("another Cardume process is using"))
        #expect(try await deployment.terminate() == 0)
        let rows = """
            SELECT conversation || id || role || text || at FROM messages
            UNION ALL SELECT conversation || turn || assistant || finished_at FROM turns
            UNION ALL SELECT conversation || turn || part || state FROM sends ORDER BY 1
            """
        let names = try deployment.rows("SELECT DISTINCT conversation FROM messages ORDER BY id")
        let change = try CardumeProcess(
            ["maintain", "--json"], environment: environment.merging(["CARDUME_ARCHIVE_AFTER": "24h"]) { $1 },
            folder: deployment.folder.path)
        #expect(await change.end() == 0, "\(change.output)")
        #expect(try deployment.rows("SELECT count(*) FROM turns") == ["8"], "nothing is that old")
        try deployment.write("UPDATE messages SET at = at - 8640000000")
        try deployment.write("UPDATE turns SET started_at = started_at - 8640000000, finished_at = finished_at - 8640000000")
        let before = try deployment.rows(rows)
        let pass = try CardumeProcess(["maintain"], environment: environment, folder: deployment.folder.path)
        #expect(await pass.end() == 0 && pass.output.contains("3 conversations archived"), "\(pass.output)")
        #expect(try deployment.rows("SELECT count(*) FROM turns") == ["2"], "the newest stays")
        #expect(try deployment.rows("SELECT value FROM settings WHERE name = 'is_closed'") == ["1"])
        let restore = try CardumeProcess(
            ["archive", "restore", "--conversation", names[0]], environment: environment, folder: deployment.folder.path)
        #expect(await restore.end() == 0, "\(restore.output)")
        #expect(try deployment.rows("SELECT count(*) FROM turns") == ["4"])
        let left = try deployment.rows(rows)
        #expect(Set(left).isSubset(of: Set(before)))
        // The program goes on with what is there.
        try await deployment.start(environment: environment)
        try await deployment.deliverAll(conversations: 4, messages: 3)
        try await deployment.settle(replies: 12)
        #expect(try await deployment.terminate() == 0)
    }

    @Test func aConfigurationThatForgetsTooSoonIsRefused() async throws {
        let folder = TemporaryFolder()
        for (name, value) in [
            ("CARDUME_RETENTION", "23h"), ("CARDUME_KEEP_DEAD_LETTERS", "1h"), ("CARDUME_ARCHIVE_AFTER", "2h"),
        ] {
            let process = try CardumeProcess(
                ["config", "check"], environment: [name: value, "CARDUME_ARCHIVE_FOLDER": "/tmp"], folder: folder.path)
            #expect(await process.end() == 1 && process.output.contains("must be 0, or at least 24h"), "\(process.output)")
        }
    }
}

extension [CardumeProcess] {
    fileprivate func pages() async throws -> [PrometheusPage] {
        var pages: [PrometheusPage] = []
        for process in self {
            let answer = try await SingleDoor(port: try await process.port()).request("GET", "/metrics")
            pages.append(PrometheusPage(answer.body))
        }
        return pages
    }
}

extension Deployment {
    /// Changes the store while the program does not run.
    fileprivate func write(_ sql: String) throws {
        let queue = try DatabaseQueue(path: self.data + "/cardume.sqlite")
        defer { try? queue.close() }
        try queue.write { db in try db.execute(sql: sql) }
    }
}
