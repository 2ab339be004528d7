import CardumeCore
import CardumeTesting
import Foundation
import TestSupport
import Testing

@testable import CardumeRuntime

/// What is due goes, and nothing else.
@Suite(.serialized, .timeLimit(.minutes(4))) struct RetentionTests {
    private static func rows(of bed: UpkeepBed) async throws -> Set<String> {
        try await bed.database.query { query in
            func texts(_ sql: String) throws -> [String] { try query(sql, []).map { $0.text(0) ?? "" } }
            var rows = try texts("SELECT 'turns: ' || conversation || ' ' || turn FROM {turns} WHERE turn LIKE 't%.%'")
            rows += try texts(
                "SELECT 'turns: ' || conversation || ' closing' FROM {turns} WHERE turn NOT LIKE 't%.%'")
            rows += try texts("SELECT 'sends: ' || conversation || ' ' || turn || ' ' || part FROM {sends}")
            rows += try texts("SELECT 'dead_letters: ' || conversation || ' ' || message_id FROM {dead_letters}")
            rows += try texts("SELECT 'timers_audit: ' || conversation FROM {timers_audit}")
            for row in try query("SELECT conversation, text FROM {messages}", []) {
                rows.append("messages: \(row.text(0) ?? "") \((row.text(1) ?? "").replacing("\0 ", with: ""))")
            }
            if bed.kind == .postgres { rows += try texts("SELECT 'conversations: ' || conversation FROM {conversations}") }
            return Set(rows)
        }
    }

    /// Partitions of the past, as a deployment of that age has them.
    private static func makePast(_ bed: UpkeepBed, weeks: Int) async throws {
        for week in 1...weeks {
            let name = try await bed.database.query { query in
                try query(
                    """
                    SELECT to_char(d, 'IYYY"w"IW') || '|' || d::text || '|' || (d + 7)::text
                    FROM (SELECT date_trunc('week', now() AT TIME ZONE 'UTC')::date - 7 * \(week) AS d) w
                    """, [])[0].text(0) ?? ""
            }
            let parts = name.split(separator: "|")
            try await bed.sql(
                """
                CREATE TABLE {messages_\(parts[0])} PARTITION OF {messages}
                FOR VALUES FROM ('\(parts[1]) 00:00+00') TO ('\(parts[2]) 00:00+00')
                """)
        }
    }

    @Test(arguments: UpkeepBed.Kind.allCases, 0..<6 as Range<UInt64>)
    func exactlyWhatIsDueGoes(_ kind: UpkeepBed.Kind, _ seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let bed = try await UpkeepBed(kind)
        let hasPast = kind == .postgres && seed % 2 == 0
        if hasPast { try await Self.makePast(bed, weeks: 32) }
        let model = RetentionModel.random(&generator)
        try await model.write(to: bed)
        let monday = CivilDay(of: bed.now).number - (CivilDay(of: bed.now).number + 3) % 7
        func weekEnd(_ daysAgo: Double) -> Double {
            let time = bed.ago(daysAgo)
            let day = CivilDay(of: time).number
            let end = Timestamp(milliseconds: Int64(day - (day + 3) % 7 + 7) * 86_400_000)
            // Weeks to come have no partition that could end.
            return day >= monday ? 0 : Double(bed.now.milliseconds - end.milliseconds) / 86_400_000
        }
        let before = try await Self.rows(of: bed)
        let expected = model.left(kind, weekEnd: hasPast ? weekEnd : nil)
        #expect(expected.isSubset(of: before) && expected.count < before.count, "the model is of this history")
        let trial = try await bed.pass(bed.settings(), isDryRun: true)
        #expect(try await Self.rows(of: bed) == before, "a dry run changes nothing")
        let report = try await bed.pass(bed.settings())
        #expect(report.failures == [:])
        let left = try await Self.rows(of: bed)
        #expect(left.subtracting(expected) == [], "is due and stays")
        #expect(expected.subtracting(left) == [], "is not due and goes")
        let letters = before.subtracting(left).filter { $0.hasPrefix("dead_letters") }.count
        #expect(report.deleted[.deadLetters] ?? 0 == letters && trial.deleted[.deadLetters] ?? 0 == letters)
        #expect(try await bed.count("admin_audit", "action = 'dead_letters.expire'") == (letters > 0 ? 1 : 0))
        if hasPast { #expect(report.partitionsDropped.count > 0) }
        let again = try await bed.pass(bed.settings())
        #expect(again.deleted == [:] && again.partitionsDropped == [])
    }

    @Test(arguments: UpkeepBed.Kind.allCases) func zeroKeepsForEver(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        try await bed.turn("t0.0", in: "loja:0", daysAgo: 3_000)
        try await bed.turn("t1.0", in: "loja:1", daysAgo: 1)
        try await bed.bury("d0.0", in: "loja:0", daysAgo: 3_000)
        let before = try await bed.dump()
        let report = try await bed.pass(
            bed.settings { ($0.retention, $0.deadLetters) = (nil, nil) })
        #expect(report.deleted == [:] && report.failures == [:])
        #expect(try await bed.dump() == before)
    }

    /// A queue that nobody serves may hold messages whose turns are journaled: they are recognised by those.
    @Test(arguments: UpkeepBed.Kind.allCases) func whatRecognisesAnUnsettledMessageStays(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        try await bed.enqueue("t0.0", in: "loja:0", daysAgo: 95)
        try await bed.turn("t0.0", in: "loja:0", daysAgo: 95)
        try await bed.turn("t0.1", in: "loja:0", daysAgo: 1)
        try await bed.enqueue("d1.0", in: "loja:1", daysAgo: 95)
        try await bed.bury("d1.0", in: "loja:1", daysAgo: 95)
        try await bed.turn("t2.0", in: "loja:2", daysAgo: 96)
        try await bed.turn("t2.1", in: "loja:2", daysAgo: 1)
        var site = bed.site
        site.ownsEverything = false
        if kind == .postgres { try await bed.sql("DELETE FROM {members}") }
        func pass(_ site: UpkeepSite) async throws {
            let state = try #require(try await bed.store.claim(for: "x", evenIfNotDue: true))
            var pass = UpkeepPass(
                site, try bed.settings(), state, name: "x", program: "", uptime: { .zero }, sleep: { _ in })
            let report = try await pass.run()
            #expect(report.failures == [:])
            try await pass.finish(report)
        }
        try await pass(site)
        #expect(try await bed.count("turns", "turn = 't0.0'") == 1)
        #expect(try await bed.count("turns", "turn = 't2.0'") == 0, "before any unsettled message")
        #expect(try await bed.count("dead_letters") == 1)
        // Once it is owned, its owner has looked.
        site.ownsEverything = true
        try await pass(site)
        #expect(try await bed.count("turns", "turn = 't0.0'") == 0)
        #expect(try await bed.count("dead_letters") == 0)
    }

    @Test(arguments: UpkeepBed.Kind.allCases) func recordsGoByTheirOwnTimes(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        for (id, daysAgo) in [("a", 100.0), ("b", 10.0), ("c", 1.0)] {
            let ms = AdminValue.int(bed.ago(daysAgo).milliseconds)
            try await bed.sql(
                """
                INSERT INTO {admin_audit} (at, who, role, address, action, target, trace_id) VALUES ($1, $2, '', '', '', '', '')
                """, [ms, .text(id)])
            try await bed.sql(
                "INSERT INTO {rejected_webhooks} (source, reason, body, at) VALUES ($2, '', 'x', $1)",
                [.time(bed.ago(daysAgo)), .text(id)])
            try await bed.sql(
                """
                INSERT INTO {replay_jobs} (at, who, filter, rate, single_attempt, release, resend, state, finished_at)
                VALUES ($1, $2, '', 1, 0, 0, 0, 'done', $1)
                """, [ms, .text(id)])
        }
        try await bed.sql(
            """
            INSERT INTO {replay_items} (job, letter, conversation, message_id, state)
            SELECT id, 1, 'c', 'm', 'answered' FROM {replay_jobs}
            """)
        for (id, daysAgo) in [(1, 100.0), (2, 99.0), (3, 98.0)] {
            try await bed.sql(
                "INSERT INTO {setting_changes} (id, at, who, action, path) VALUES ($1, $2, '', 'set', 'p')",
                [.int(Int64(id)), .time(bed.ago(daysAgo))])
        }
        try await bed.sql("INSERT INTO {setting_overrides} VALUES ('p', 2)")
        let writer = kind == .postgres ? ", writer" : ""
        for daysAgo in [100.0, 5.0] {
            let day = CivilDay(of: bed.ago(daysAgo)).description
            try await bed.sql(
                """
                INSERT INTO {usage_daily} (day, assistant, model\(writer), requests, prompt_tokens, completion_tokens, cost_micros)
                VALUES ('\(day)', 'a', 'm'\(kind == .postgres ? ", 1" : ""), 1, 1, 1, 1)
                """)
        }
        let week = UpkeepBed.day * 7
        let report = try await bed.pass(
            bed.settings { settings in
                (settings.audit, settings.usage, settings.settingChanges) = (week, week, week)
                (settings.replays, settings.rejectedWebhooks) = (week, week)
            })
        #expect(report.failures == [:])
        #expect(try await bed.count("admin_audit") == 1)
        #expect(try await bed.count("rejected_webhooks") == 1)
        #expect(try await bed.count("replay_jobs") == 1)
        #expect(try await bed.count("replay_items") == 1)
        #expect(try await bed.count("usage_daily") == 1)
        #expect(try await bed.count("setting_changes") == 2, "what is in force, and the latest")
        #expect(report.deleted == [.audit: 2, .rejectedWebhooks: 2, .replays: 4, .usage: 1, .settingChanges: 1])
    }

    /// What somebody is about to replay, or has, is not taken from under them.
    @Test(arguments: UpkeepBed.Kind.allCases) func lettersInHandStay(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        for id in ["a", "b", "c"] { try await bed.bury(id, in: "loja:\(id)", daysAgo: 40) }
        var filter = DeadLetterFilter()
        filter.conversation = "loja:a"
        let replays = ReplayStore(bed.database)
        let options = ReplayJob.Options(
            rate: 1, resetsRetryCount: true, releasesConversations: false, resendsInDoubt: false)
        let job = try #require(try await replays.create(filter, options, by: "ana", reason: nil).job)
        try await bed.sql("INSERT INTO {holds} (conversation) VALUES ('loja:b')")
        #expect(try await bed.pass(bed.settings()).deleted == [.deadLetters: 1])
        #expect(try await bed.count("dead_letters", "message_id = 'c'") == 0)
        _ = try await replays.cancel(job)
        try await bed.sql("DELETE FROM {holds}")
        #expect(try await bed.pass(bed.settings()).deleted == [.deadLetters: 2])
    }
}
