import CardumeCore
import CardumeTesting
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import CardumeRuntime

/// One at a time, and no more often than it is due.
@Suite(.serialized, .timeLimit(.minutes(2))) struct UpkeepRunnerTests {
    private static func runner(
        _ bed: UpkeepBed, _ name: String, _ settings: UpkeepSettings? = nil, metrics: MetricsRegistry? = nil
    ) throws -> UpkeepRunner {
        UpkeepRunner(
            bed.site, try settings ?? bed.settings(), name: name, program: "cardume test",
            logger: Logger(label: "test") { LineLogHandler(label: $0, level: Live(.critical), format: .text) },
            meters: metrics.map { UpkeepMeters($0) }, uptime: { .zero })
    }

    @Test(arguments: UpkeepBed.Kind.allCases + [.pooled]) func oneOfManyWorks(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        try await bed.bury("a", in: "loja:1", daysAgo: 31)
        try await bed.turn("b", in: "loja:2", daysAgo: 1)
        let runners = try (0..<5).map { try Self.runner(bed, "r\($0)") }
        let reports = await withTaskGroup(of: UpkeepReport?.self) { group in
            for runner in runners { group.addTask { await runner.step { _ in } } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(reports.compactMap(\.self).count == 1)
        #expect(reports.compactMap(\.self).first?.deleted == [.deadLetters: 1])
        let state = try await bed.store.state()
        #expect(state.holder == nil && state.dueAt > state.now && state.succeededAt >= bed.now)
        for runner in runners {
            let early = await runner.step { _ in }
            #expect(early == nil, "not due")
        }
        try await bed.sql("UPDATE {upkeep} SET due_at = 0")
        let later = await runners[3].step { _ in }
        #expect(later != nil)
    }

    @Test(arguments: UpkeepBed.Kind.allCases) func aDeadProcessIsFollowed(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        let state = try #require(try await bed.store.claim(for: "dead"))
        #expect(try await bed.store.claim(for: "next") == nil)
        #expect(try await bed.store.claim(for: "next", evenIfNotDue: true) == nil)
        try await bed.store.renew(for: "dead")
        try await bed.sql("UPDATE {upkeep} SET holder_until = 0")
        #expect(try await bed.store.claim(for: "next") != nil)
        // The one that was only slow hears of it, and leaves the other's lease alone.
        await #expect(throws: StoreError.self) { try await bed.store.renew(for: "dead") }
        let seconds = Mutex(0)
        var pass = UpkeepPass(
            bed.site, try bed.settings(), state, name: "dead", program: "",
            uptime: {
                seconds.withLock { seconds in
                    seconds += 20
                    return .seconds(seconds)
                }
            }, sleep: { _ in })
        await #expect(throws: StoreError.self) { _ = try await pass.run() }
        try await bed.store.finish(for: "dead", dueIn: .seconds(9), succeeded: true, walkedTo: "")
        #expect(try await bed.store.state().holder == "next")
    }

    /// Each pass has time for some batches only.
    @Test(arguments: UpkeepBed.Kind.allCases) func whatAPassLeavesTheNextOneDoes(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        for number in 0..<30 { try await bed.bury("d\(number)", in: "loja:d\(number)", daysAgo: 40) }
        for number in 0..<20 { try await bed.turn("t\(number)", in: "loja:t\(number)", daysAgo: 100) }
        try await bed.turn("new", in: "loja:new", daysAgo: 0)
        var passes = 0
        var isComplete = false
        while !isComplete, passes < 20 {
            let state = try #require(try await bed.store.claim(for: "x", evenIfNotDue: true))
            let calls = Mutex(0)
            // The time is over after ten looks.
            var pass = UpkeepPass(
                bed.site, try bed.settings(), state, name: "x", program: "",
                uptime: {
                    calls.withLock { calls in
                        calls += 1
                        return calls < 12 ? .zero : .seconds(700)
                    }
                }, sleep: { _ in })
            let report = try await pass.run()
            try await pass.finish(report)
            #expect(report.failures == [:])
            isComplete = report.isComplete
            passes += 1
            let due = try await bed.store.state()
            #expect(isComplete || due.dueAt.elapsed(since: due.now) <= UpkeepRunner.look, "the next one comes soon")
        }
        #expect(isComplete && passes > 2)
        #expect(try await bed.count("dead_letters") == 0)
        #expect(try await bed.count("turns") == 1)
    }

    @Test func aProcessWithoutTheArchivesFolderDoesNotStand() async throws {
        let bed = try await UpkeepBed(.sqlite)
        let without = try Self.runner(
            bed, "without",
            bed.settings { $0.archive = UpkeepSettings.Archive(folder: "/nonexistent", after: UpkeepBed.day * 90) })
        let left = await without.step { _ in }
        #expect(left == nil)
        #expect(try await bed.store.state().dueAt <= bed.now)
        let done = try await Self.runner(bed, "with", bed.archiving()).step { _ in }
        #expect(done != nil)
        let off = try Self.runner(bed, "off", bed.settings { $0.isEnabled = false })
        try await bed.sql("UPDATE {upkeep} SET due_at = 0")
        let nothing = await off.step { _ in }
        let samples = await off.samples()
        #expect(nothing == nil && samples.isEmpty, "who does nothing has no success to speak of")
    }

    @Test(arguments: UpkeepBed.Kind.allCases) func everythingIsCounted(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        try await bed.bury("a", in: "loja:1", daysAgo: 31)
        try await bed.turn("b", in: "loja:2", daysAgo: 100)
        try await bed.turn("c", in: "loja:3", daysAgo: 0)
        if let pool = bed.pool {
            _ = try await pool.query(
                PostgresStatement(
                    """
                    INSERT INTO cardume.messages (at, conversation, role, text)
                    VALUES (now() + interval '1 year', 'c', 'contact', 'x'::bytea)
                    """))
        }
        let registry = MetricsRegistry()
        let runner = try Self.runner(bed, "r", bed.archiving(), metrics: registry)
        registry.add(runner, as: "upkeep")
        let done = await runner.step { _ in }
        #expect(done != nil)
        let page = PrometheusPage(await registry.page())
        #expect(page.value("cardume_upkeep_deleted_total", ["kind": "dead_letters"]) == 1)
        #expect(page.value("cardume_upkeep_archived_total", ["kind": "conversations"]) == 1)
        #expect(page.value("cardume_upkeep_duration_seconds_count") == 1)
        #expect(page.value("cardume_upkeep_failures_total", ["step": "archive"]) == 0)
        let success = try #require(page.value("cardume_upkeep_last_success_timestamp_seconds"))
        #expect(success >= Double(bed.now.milliseconds) / 1_000)
        #expect(page.value("cardume_postgres_stray_lines") == (kind == .postgres ? 1 : nil))
        // A failure is counted, by step, and is no success.
        try FileManager.default.removeItem(atPath: bed.archive.path)
        try Data().write(to: URL(filePath: bed.archive.path))
        let failing = try Self.runner(bed, "r", bed.settings(), metrics: registry)
        try await bed.sql("UPDATE {upkeep} SET due_at = 0")
        try await bed.sql("DROP TABLE {rejected_webhooks}")
        let report = await failing.step { _ in }
        #expect(report?.failures.keys.sorted() == ["records"])
        let after = PrometheusPage(await registry.page())
        #expect(after.value("cardume_upkeep_failures_total", ["step": "records"]) == 1)
        let state = try await bed.store.state()
        #expect(Double(state.succeededAt.milliseconds) / 1_000 == success)
        #expect(state.dueAt.elapsed(since: state.now) <= .seconds(600))
    }
}
