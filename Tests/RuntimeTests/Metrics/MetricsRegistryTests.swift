import CardumeCore
import CoreMetrics
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CardumeRuntime

@Suite struct MetricsRegistryTests {
    private static let messages = MetricFamily(
        "cardume_test_messages_total", .counter, "Messages, \\ and\nlines.", labels: ["channel", "outcome"])
    private static let depth = MetricFamily("cardume_test_depth", .gauge, "Messages that wait.")
    private static let wait = MetricFamily(
        "cardume_test_wait_seconds", .histogram, "How long they wait.", labels: ["assistant"], buckets: [0.005, 1, 60])
    private static let all = [Self.messages, Self.depth, Self.wait]

    private static var golden: String {
        get throws {
            let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            return try String(contentsOf: tests.appending(path: "Fixtures/metrics/page.txt"), encoding: .utf8)
        }
    }

    private static func page(_ registry: MetricsRegistry) async -> PrometheusPage { PrometheusPage(await registry.page()) }

    // MARK: The page

    @Test func aPageIsWrittenAsTheFormatSays() async throws {
        let registry = MetricsRegistry(Self.all)
        let messages = registry.counters("cardume_test_messages_total")
        messages["loja \"Sul\"\\1\n2", "queued"].add()
        messages["loja \"Sul\"\\1\n2", "queued"].add(2)
        messages["é", ""].add(0.5)
        registry.gauges("cardume_test_depth")[].set(-2.0)
        let wait = registry.histograms("cardume_test_wait_seconds")["suporte"]
        for value in [0.005, 0.75, 1.0, 99.995] { wait.observe(value) }
        let page = await registry.page()
        #expect(page == (try Self.golden))
        let read = PrometheusPage(page)
        #expect(read.problems == [])
        #expect(read.value("cardume_test_messages_total", ["channel": "loja \"Sul\"\\1\n2"]) == 3)
    }

    @Test func numbersAreThoseOfTheFormat() {
        let numbers: [(Double, String)] = [
            (0, "0"), (-0.0, "0"), (3, "3"), (0.5, "0.5"), (1e-7, "1e-07"), (1e300, "1e+300"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"), (9_007_199_254_740_991, "9007199254740991.0"),
            (123_456_789_012, "123456789012"),
        ]
        for (number, text) in numbers { #expect(PrometheusText.number(number) == text) }
    }

    @Test func hostileLabelsStayWhereTheyAre() async {
        let registry = MetricsRegistry(Self.all)
        let messages = registry.counters("cardume_test_messages_total")
        let hostile = [
            "a\"} 1\ncardume_fake_total 9", "\\", "\\n", "\"", "\n\n", "", "\u{0}", "\r", "{}", "le", "💥", "# TYPE x counter",
            "e\u{301}", "é",
        ]
        for value in hostile { messages[value, "x"].add() }
        let page = await Self.page(registry)
        #expect(page.problems == [])
        #expect(page.types.keys.sorted() == ["cardume_test_messages_total"])
        // Composed and decomposed letters are equal to Swift.
        #expect(page.series.count == hostile.count - 1)
        #expect(page.value("cardume_test_messages_total") == Double(hostile.count))
    }

    @Test func longLabelsAreCut() async {
        let registry = MetricsRegistry(Self.all)
        let messages = registry.counters("cardume_test_messages_total")
        messages[String(repeating: "ção", count: 100_000), "x"].add()
        messages[String(repeating: "ção", count: 200_000), "x"].add()
        messages[String(repeating: "a", count: 128), "x"].add()
        let page = await Self.page(registry)
        let values = page.series.compactMap { $0.labels["channel"] }
        #expect(values.count == 2 && values.allSatisfy { $0.utf8.count <= 128 })
        #expect(values.contains { $0.hasSuffix("…") && $0.hasPrefix("çãoção") })
        #expect(page.value("cardume_test_messages_total") == 3)
    }

    // MARK: Bounds

    @Test func whatIsBeyondTheLimitGoesToOther() async {
        let registry = MetricsRegistry(Self.all, labelSetLimit: 3)
        let messages = registry.counters("cardume_test_messages_total")
        for number in 0..<10 { messages["\(number)", "x"].add(2) }
        messages["0", "x"].add()
        let page = await Self.page(registry)
        #expect(page.series.count { $0.name == "cardume_test_messages_total" } == 4)
        #expect(page.value("cardume_test_messages_total", ["channel": "0"]) == 3)
        #expect(page.value("cardume_test_messages_total", ["channel": "other", "outcome": "other"]) == 14)
        let overflow = "cardume_metrics_overflow_total"
        #expect(page.value(overflow, ["family": "cardume_test_messages_total"]) == 7)
        #expect(await Self.page(registry).value(overflow) == 7, "a look changes nothing")
    }

    @Test func sourcesAreBoundedToo() async {
        let registry = MetricsRegistry(Self.all, labelSetLimit: 3)
        registry.add(
            Figures {
                (0..<5).map { MetricSample("cardume_test_messages_total", ["channel": "\($0)", "outcome": ""], 1) }
                    + [MetricSample("cardume_test_depth", 7)]
            }, as: "figures")
        let page = await Self.page(registry)
        #expect(page.series.count { $0.name == "cardume_test_messages_total" } == 4)
        #expect(page.value("cardume_test_messages_total", ["channel": "other"]) == 2)
        #expect(page.value("cardume_metrics_overflow_total") == 2)
        #expect(page.value("cardume_test_depth") == 7)
        #expect(page.value("cardume_metrics_source_timeouts_total", ["source": "figures"]) == 0)
    }

    @Test func whatIsNoNumberIsNotCounted() async {
        let registry = MetricsRegistry(Self.all)
        let counter = registry.counters("cardume_test_messages_total")["a", "b"]
        for amount in [Double.nan, Double.infinity, -1, -Double.infinity] { counter.add(amount) }
        counter.add(1)
        let histogram = registry.histograms("cardume_test_wait_seconds")["a"]
        for value in [Double.nan, Double.infinity, -Double.infinity] { histogram.observe(value) }
        histogram.observe(.seconds(-5))
        let page = await Self.page(registry)
        #expect(page.value("cardume_test_messages_total") == 1)
        #expect(page.value("cardume_test_wait_seconds_count") == 1)
        #expect(page.value("cardume_test_wait_seconds_sum") == 0)
    }

    // MARK: Many at once

    @Test func nothingIsLostBetweenThreads() async {
        let registry = MetricsRegistry(Self.all)
        let (tasks, rounds) = (16, 20_000)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    let counters = registry.counters("cardume_test_messages_total")
                    let histogram = registry.histograms("cardume_test_wait_seconds")["suporte"]
                    let gauge = registry.gauges("cardume_test_depth")[]
                    for round in 0..<rounds {
                        counters["canal \(task % 4)", "x"].add()
                        histogram.observe(Double(round % 3))
                        gauge.add(round.isMultiple(of: 2) ? 1 : -1)
                    }
                }
            }
            group.addTask { for _ in 0..<50 { _ = await registry.page() } }
        }
        let page = await Self.page(registry)
        let all = Double(tasks * rounds)
        #expect(page.value("cardume_test_messages_total") == all)
        #expect(page.value("cardume_test_wait_seconds_count") == all)
        #expect(page.value("cardume_test_wait_seconds_bucket", ["le": "+Inf"]) == all)
        let sum = (0..<rounds).reduce(0) { $0 + $1 % 3 } * tasks
        #expect(page.value("cardume_test_wait_seconds_sum") == Double(sum))
        #expect(page.value("cardume_test_depth") == 0)
    }

    // MARK: Sources

    @Test func aSourceThatHangsIsLeftOut() async {
        let registry = MetricsRegistry(Self.all, sourceLimit: .milliseconds(100))
        let hanging = Hanging()
        registry.add(hanging, as: "hanging")
        registry.add(Figures { [MetricSample("cardume_test_depth", 4)] }, as: "quick")
        for round in 1...3 {
            let page = await Self.page(registry)
            #expect(page.value("cardume_test_depth") == 4)
            #expect(page.value("cardume_test_messages_total") == nil, "absent, not 0")
            #expect(page.value("cardume_metrics_source_timeouts_total", ["source": "hanging"]) == Double(round))
            #expect(page.value("cardume_metrics_source_timeouts_total", ["source": "quick"]) == 0)
        }
        #expect(hanging.calls == 1, "not asked again while it hangs")
        hanging.answer([MetricSample("cardume_test_messages_total", ["channel": "a", "outcome": "b"], 1)])
        // What it says too late is of no use; it is asked again as soon as it has answered.
        while hanging.calls < 2 { _ = await registry.page() }
        hanging.answer([MetricSample("cardume_test_messages_total", ["channel": "a", "outcome": "b"], 2)])
    }

    @Test func aSourceIsAskedByOneAtATime() async {
        let registry = MetricsRegistry(Self.all, sourceLimit: .seconds(60))
        let lonely = Lonely()
        registry.add(lonely, as: "lonely")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask { #expect(await Self.page(registry).value("cardume_test_depth") == 1) }
            }
        }
        #expect(lonely.most == 1)
    }

    @Test func samplesOfOneLabelSetAreAddedUp() async {
        let registry = MetricsRegistry(Self.all)
        let sample = MetricSample("cardume_test_depth", 2)
        registry.add(Figures { [sample, sample] }, as: "one")
        registry.add(Figures { [sample] }, as: "two")
        #expect(await Self.page(registry).value("cardume_test_depth") == 6)
    }

    // MARK: Programmer errors

    @Test func whatIsNotDeclaredCrashes() async {
        await #expect(processExitsWith: .failure) { _ = MetricsRegistry([]).counters("cardume_nobody_knows_total") }
        await #expect(processExitsWith: .failure) {
            _ = MetricsRegistry([MetricFamily("cardume_x", .gauge, "X.")]).counters("cardume_x")
        }
        await #expect(processExitsWith: .failure) {
            _ = MetricsRegistry([MetricFamily("cardume_x", .gauge, "X.", labels: ["a"])]).gauges("cardume_x")[]
        }
    }

    // MARK: swift-metrics

    @Test func librariesRecordByDeclaredNames() async {
        let registry = MetricsRegistry(Self.all)
        let dimensions = [("outcome", "queued"), ("channel", "loja")]
        registry.makeCounter(label: "cardume_test_messages_total", dimensions: dimensions).increment(by: 2)
        registry.makeFloatingPointCounter(label: "cardume_test_messages_total", dimensions: dimensions).increment(by: 0.25)
        let meter = registry.makeMeter(label: "cardume_test_depth", dimensions: [])
        meter.set(Int64(5))
        meter.increment(by: 2)
        meter.decrement(by: 1)
        let timer = registry.makeTimer(label: "cardume_test_wait_seconds", dimensions: [("assistant", "a")])
        timer.recordNanoseconds(500_000_000)
        let recorder = registry.makeRecorder(
            label: "cardume_test_wait_seconds", dimensions: [("assistant", "a")], aggregate: true)
        recorder.record(Int64(2))
        recorder.record(3.5)
        let page = await Self.page(registry)
        #expect(page.value("cardume_test_messages_total", ["channel": "loja", "outcome": "queued"]) == 2.25)
        #expect(page.value("cardume_test_depth") == 6)
        #expect(page.value("cardume_test_wait_seconds_sum") == 6)
        #expect(page.value("cardume_test_wait_seconds_count") == 3)
        registry.makeRecorder(label: "cardume_test_depth", dimensions: [], aggregate: false).record(1.5)
        #expect(await Self.page(registry).value("cardume_test_depth") == 1.5)
    }

    @Test func otherNamesAndKindsAreNotPublished() async {
        let registry = MetricsRegistry(Self.all)
        registry.makeCounter(label: "hb.requests", dimensions: [("a", "b")]).increment(by: 1)
        registry.makeTimer(label: "cardume_test_depth", dimensions: []).recordNanoseconds(1)
        registry.makeMeter(label: "cardume_test_messages_total", dimensions: []).set(3.0)
        registry.makeRecorder(label: "x", dimensions: [], aggregate: true).record(1.0)
        registry.makeFloatingPointCounter(label: "y", dimensions: []).increment(by: 1)
        #expect(await registry.page() == "")
    }
}

/// Answers at once.
private struct Figures: MetricSource {
    let make: @Sendable () -> [MetricSample]

    init(_ make: @escaping @Sendable () -> [MetricSample]) { self.make = make }

    func samples() async -> [MetricSample] { self.make() }
}

/// Notices when it is asked while it answers.
private final class Lonely: MetricSource {
    private let state = Mutex((running: 0, most: 0))

    var most: Int { self.state.withLock { $0.most } }

    func samples() async -> [MetricSample] {
        self.state.withLock { state in
            state.running += 1
            state.most = max(state.most, state.running)
        }
        for _ in 0..<20 { await Task.yield() }
        self.state.withLock { $0.running -= 1 }
        return [MetricSample("cardume_test_depth", 1)]
    }
}

/// Answers when it is told to.
private final class Hanging: MetricSource {
    private struct State {
        var calls = 0
        var waiter: CheckedContinuation<[MetricSample], Never>?
    }

    private let state = Mutex(State())

    var calls: Int { self.state.withLock { $0.calls } }

    func samples() async -> [MetricSample] {
        await withCheckedContinuation { waiter in
            self.state.withLock { state in
                state.waiter = waiter
                state.calls += 1
            }
        }
    }

    func answer(_ samples: [MetricSample]) { self.state.withLock { $0.waiter.take() }?.resume(returning: samples) }
}
