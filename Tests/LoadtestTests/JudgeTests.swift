import CardumeTesting
import Foundation
import Testing

@testable import CardumeLoadtest

@Suite struct DriftTests {
    private static func noise(_ count: Int, level: Double, spread: Double, slope: Double = 0, seed: UInt64) -> [Double] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { level + slope * Double($0) + Double.random(in: -spread...spread, using: &generator) }
    }

    /// S and its variance by hand: (n (n - 1) (2 n + 5)) / 18 = 125 for n = 10, 45 pairs that all grow.
    @Test func theStatisticIsThatOfTheBooks() throws {
        let test = try #require(DriftTest([(1...10).map(Double.init)]))
        #expect(abs(test.z - 44 / 125.0.squareRoot()) < 1e-9)
        #expect(test.p < 0.000_1)
        #expect(test.slope == 1)
        #expect(abs(test.growth - 9 / 5.5) < 1e-9)
    }

    @Test func tiesAreNoGrowth() throws {
        let test = try #require(DriftTest([Array(repeating: 7, count: 50)]))
        #expect(test.z == 0)
        #expect(test.p == 0.5)
        #expect(test.growth == 0)
    }

    @Test func noiseDoesNotDrift() throws {
        var found = 0
        for seed in 0..<200 {
            let test = try #require(DriftTest([Self.noise(100, level: 1, spread: 0.1, seed: UInt64(seed))]))
            if test.p < DriftTest.significance { found += 1 }
            #expect(!test.isDrift(beyond: 0.1))
        }
        #expect(found <= 8, "one in a hundred is expected: \(found) of 200")
    }

    @Test func growthInNoiseIsFound() throws {
        for seed in 0..<50 {
            let series = Self.noise(100, level: 1, spread: 0.2, slope: 0.003, seed: UInt64(seed))
            let test = try #require(DriftTest([series]))
            #expect(test.isDrift(beyond: 0.1), "\(test)")
            #expect(abs(test.growth - 0.26) < 0.12, "\(test.growth)")
        }
    }

    @Test func outliersDoNotBendTheSlope() throws {
        var series = Self.noise(100, level: 1, spread: 0.05, seed: 5)
        for place in 90..<95 { series[place] = 50 }
        let test = try #require(DriftTest([series]))
        #expect(abs(test.growth) < 0.1)
    }

    @Test func significantAndTinyIsNoDrift() throws {
        let test = try #require(DriftTest([(0..<200).map { 1 + Double($0) * 0.000_1 }]))
        #expect(test.p < 0.000_1)
        #expect(!test.isDrift(beyond: 0.1))
    }

    @Test func decreaseIsNoDrift() throws {
        #expect(try #require(DriftTest([(0..<100).map { 10 - Double($0) * 0.05 }])).isDrift(beyond: 0.1) == false)
    }

    /// A run that begins anew begins on another level.
    @Test func partsAreComparedWithinThemselves() throws {
        let (low, high) = (Self.noise(60, level: 1, spread: 0.1, seed: 1), Self.noise(60, level: 3, spread: 0.1, seed: 2))
        #expect(try #require(DriftTest([low + high])).isDrift(beyond: 0.1))
        #expect(try #require(DriftTest([low, high])).isDrift(beyond: 0.1) == false)
        let growing = Self.noise(60, level: 3, spread: 0.1, slope: 0.02, seed: 3)
        #expect(try #require(DriftTest([growing, growing])).isDrift(beyond: 0.1))
    }

    @Test func fewValuesSayNothing() {
        #expect(DriftTest([[1, 2, 3, 4], [5, 6, 7, 8, 9]]) == nil)
    }

    @Test func aTimelinesDriftLeavesTheWarmUpOut() throws {
        var timeline = Timeline()
        for second in 0..<100 {
            // Memory fills in the first fifth; latency stays.
            timeline.note(at: Double(second)) { stretch in
                stretch.memory = second < 20 ? Double(second) * 1e6 : 2e7
                stretch.looks = 1
                for _ in 0..<20 { stretch.reply.record(seconds: 1) }
            }
        }
        let drift = Drift(timeline)
        #expect(try #require(drift.memory).isDrift(beyond: 0.01) == false)
        #expect(try #require(drift.latency).growth == 0)
    }
}

@Suite struct LimitSearchTests {
    /// Looks for the limit of a system that takes `limit` messages a second.
    private static func limit(
        of limit: Double, start: Double = 50, most: Double = 5_000, hiccups: Set<Int> = []
    ) -> (found: Double?, isCeiling: Bool, attempts: Int) {
        var search = LimitSearch(start: start, most: most, precision: 0.05)
        var attempts = 0
        while case .attempt(let rate) = search.next {
            search.attempted(passed: rate <= limit && !hiccups.contains(attempts))
            attempts += 1
            if attempts > 100 { break }
        }
        guard case .done(let rate, let isCeiling) = search.next else { return (nil, false, attempts) }
        return (rate, isCeiling, attempts)
    }

    @Test(arguments: [1.5, 7, 49, 50, 51, 180, 250, 731, 2_345, 4_990])
    func theLimitIsFoundToTheWantedPrecision(limit: Double) throws {
        let (found, isCeiling, attempts) = Self.limit(of: limit)
        let rate = try #require(found)
        #expect(rate <= limit && rate * 1.05 >= limit * 0.999, "\(rate) of \(limit)")
        #expect(!isCeiling || rate == 5_000)
        #expect(attempts <= 32, "\(attempts) attempts")
    }

    @Test func oneHiccupChangesNothing() throws {
        for hiccup in 0..<8 {
            let rate = try #require(Self.limit(of: 300, hiccups: [hiccup]).found)
            #expect(rate * 1.05 >= 300 && rate <= 300, "a hiccup in attempt \(hiccup): \(rate)")
        }
    }

    @Test func theCeilingIsTold() {
        let result = Self.limit(of: 10_000, most: 400)
        #expect(result.found == 400)
        #expect(result.isCeiling)
    }

    @Test func nothingMayBeTooMuchAlready() {
        #expect(Self.limit(of: 0.1).found == nil)
    }
}

@Suite struct ObjectivesTests {
    @Test func everyKindOfValueIsRead() throws {
        let objectives = try Objectives(yaml: "added_p95: 1.5s\naccepted_p99: 250ms\nerrors: 0.5%\nlost: 0\n", file: "o.yaml")
        #expect(objectives.all.map(\.measure) == [.addedP95, .acceptedP99, .errors, .lost])
        #expect(objectives.all.map(\.limit) == [1.5, 0.25, 0.005, 0])
    }

    @Test(
        arguments: [
            ("added_p90: 1s", "o.yaml:1:1: there is no objective \"added_p90\""),
            ("lost: 0\nerrors: 1", "o.yaml:2:9: errors: \"1\" is not allowed; expected a percentage such as 1% or 0.1%"),
            ("reply_p95: 1", "o.yaml:1:12: reply_p95: \"1\" is not allowed; expected a duration such as 250ms or 1.5s"),
            ("lost: 0.5", "o.yaml:1:7: lost: \"0.5\" is not allowed; expected a whole number"),
            ("lost: -1", "o.yaml:1:7: lost: \"-1\" is not allowed"),
            ("lost: [1]", "o.yaml:1:7: lost: \"\" is not allowed"),
            ("- lost", "o.yaml: expected lines such as `added_p95: 1s`"),
            ("", "o.yaml: expected lines"),
            ("lost: {", "o.yaml: not YAML"),
        ])
    func whatIsWrongIsNamedWithItsPlace(yaml: String, message: String) throws {
        let problem = try #require(throws: Objectives.Problem.self) { try Objectives(yaml: yaml, file: "o.yaml") }
        #expect(problem.description.hasPrefix(message), "\(problem)")
    }

    @Test(arguments: [("objectives", Objectives.standard), ("objectives-soak", .soak), ("objectives-stress", .stress)])
    func theFilesAreWhatCountsWithoutThem(name: String, objectives: Objectives) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../loadtest/\(name).yaml").path
        #expect(try Objectives(yaml: try String(contentsOfFile: file, encoding: .utf8), file: file) == objectives)
    }
}

@Suite struct VerdictTests {
    private static func step(
        reply: Int64 = 1_200, model: Int64? = 1_000, lateness: Int64 = 1, change: (inout StepRecord) -> Void = { _ in }
    ) -> StepRecord {
        var record = StepRecord(LoadStep(name: "50/s", rate: 50, seconds: 10), begin: 0, first: 0)
        for _ in 0..<100 {
            record.intended += 1
            record.accepted += 1
            record.replied += 1
            record.acceptance.record(nanoseconds: 5_000_000)
            record.reply.record(nanoseconds: reply * 1_000_000)
            if let model { record.added.record(nanoseconds: (reply - model) * 1_000_000) }
            record.lateness.record(nanoseconds: lateness * 1_000_000)
        }
        change(&record)
        return record
    }

    private static func outcome(_ step: StepRecord, strays: Int = 0) -> Verdict {
        Verdict([step], .standard, latenessBound: 0.1, strays: strays)
    }

    @Test func everyObjectiveKeptIsPassed() {
        let verdict = Self.outcome(Self.step())
        #expect(verdict.outcome == .passed)
        #expect(verdict.rows.count == Objectives.standard.all.count)
        #expect(verdict.reasons == [])
        #expect(verdict.outcome.status == 0)
    }

    @Test func oneObjectiveMissedIsFailed() {
        let slow = Self.outcome(Self.step(reply: 2_500))
        #expect(slow.outcome == .failed)
        #expect(slow.reasons.count == 1)
        #expect(slow.reasons.first?.hasPrefix("50/s: added_p95 is 1.5") == true, "\(slow.reasons)")
        for change in [
            { $0.lost = 1 }, { $0.reordered = 1 }, { $0.duplicates = 1 }, { $0.failed = 2 },
        ] as [(inout StepRecord) -> Void] {
            #expect(Self.outcome(Self.step(change: change)).outcome == .failed)
        }
        #expect(Self.outcome(Self.step { $0.failed = 1 }).outcome == .passed, "one in a hundred is allowed")
    }

    @Test func whatWasNotMeasuredIsNotKept() {
        let verdict = Self.outcome(Self.step(model: nil))
        #expect(verdict.outcome == .failed)
        #expect(verdict.reasons == ["50/s: added_p95 was not measured"])
    }

    @Test func aLateGeneratorProvesNothing() {
        let verdict = Self.outcome(Self.step(lateness: 150))
        #expect(verdict.outcome == .invalid)
        #expect(verdict.outcome.status == 3)
        #expect(verdict.reasons.first?.contains("the generator was late") == true)
    }

    @Test func nothingSentAndRepliesToNothingAreFailures() {
        #expect(Verdict([], .standard, latenessBound: 0.1).outcome == .failed)
        #expect(Self.outcome(Self.step(), strays: 1).outcome == .failed)
    }

    @Test func driftBelongsToTheWholeRun() throws {
        var timeline = Timeline()
        for second in 0..<100 {
            timeline.note(at: Double(second)) { stretch in
                stretch.memory = 1e8 + Double(second) * 1e6
                stretch.looks = 1
                stretch.reply.record(seconds: 1)
            }
        }
        let verdict = Verdict([Self.step()], .soak, latenessBound: 0.1, drift: Drift(timeline))
        #expect(verdict.outcome == .failed)
        #expect(verdict.reasons.count == 1)
        #expect(verdict.reasons.first?.hasPrefix("memory_drift is ") == true, "\(verdict.reasons)")
    }
}

@Suite struct RunLimitsTests {
    @Test(
        arguments: [
            ("http://127.0.0.1:8080", true), ("http://127.9.9.9", true), ("http://localhost:1", true),
            ("http://[::1]:80", true),
            ("http://127.0.0.1.exemplo.com.br", false), ("http://10.0.0.1", false), ("https://staging.exemplo.com.br", false),
            ("http://localhost.exemplo.com.br", false), ("http://0.0.0.0", false), ("http://127.1", false),
        ])
    func onlyThisMachineIsLoadedUnasked(url: String, isLoopback: Bool) {
        #expect(Target(url: url, secrets: SenderSecrets(), metrics: [], consent: nil).isLoopback == isLoopback)
    }

    @Test func limitsHold() throws {
        func steps(_ rate: Double, hours: Double = 1) -> [LoadStep] { [LoadStep(name: "", rate: rate, seconds: hours * 3_600)] }
        try RunLimits.usual.check(steps(250, hours: 24), conversations: 15_000)
        #expect(throws: (any Error).self) { try RunLimits.usual.check(steps(301), conversations: 1) }
        #expect(throws: (any Error).self) { try RunLimits.usual.check(steps(1, hours: 26), conversations: 1) }
        #expect(throws: (any Error).self) { try RunLimits.usual.check(steps(1), conversations: 50_001) }
        #expect(throws: (any Error).self) { try RunLimits(rate: 5_001, hours: 1, conversations: 1).checked() }
        #expect(throws: (any Error).self) { try RunLimits(rate: 1, hours: 337, conversations: 1).checked() }
        #expect(try RunLimits.most.checked() == .most)
    }
}
