import CardumeRuntime
import CardumeTesting
import Foundation
import TestSupport
import Testing

@testable import CardumeLoadtest

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct MeasureTests {
    @Test func binsKnowPercentilesToNinePercent() throws {
        var bins = LogBins()
        for millisecond in 1...10_000 { bins.record(seconds: Double(millisecond) / 1_000) }
        for (percentile, seconds) in [(50.0, 5.0), (95, 9.5), (99, 9.9)] {
            #expect(abs(try #require(bins.seconds(at: percentile)) / seconds - 1) < 0.09)
        }
        #expect(bins.count == 10_000)
        #expect(LogBins().seconds(at: 50) == nil)
    }

    @Test func binsHaveBounds() {
        var bins = LogBins()
        for seconds in [0, -1, 1e-9, 1e9] { bins.record(seconds: seconds) }
        #expect(bins.count == 4)
        #expect(bins.counts.count == LogBins.binCount)
        for bin in 0..<LogBins.binCount { #expect(LogBins.bin(LogBins.lowerBound(bin) * 1.001) == bin) }
    }

    @Test func binsSurviveJSON() throws {
        var bins = LogBins()
        for seconds in [0.001, 0.5, 0.5, 100] { bins.record(seconds: seconds) }
        #expect(try JSONDecoder().decode(LogBins.self, from: JSONEncoder().encode(bins)) == bins)
    }

    @Test func aTimelineKeepsEverythingHoweverLongItIs() {
        var timeline = Timeline()
        for second in 0..<10_000 {
            timeline.note(at: Double(second)) { stretch in
                stretch.intended += 1
                stretch.depth = max(stretch.depth ?? 0, Double(second))
                stretch.reply.record(seconds: 1)
            }
        }
        #expect(timeline.stretches.count <= Timeline.maximumStretches)
        #expect(timeline.width == 16)
        #expect(timeline.stretches.reduce(0) { $0 + $1.intended } == 10_000)
        #expect(timeline.stretches.reduce(0) { $0 + $1.reply.count } == 10_000)
        #expect(timeline.stretches.last?.depth == 9_999)
        #expect(timeline.coarsened(to: 100).stretches.reduce(0) { $0 + $1.intended } == 10_000)
    }

    @Test func memoryIsAveragedOverTheLooks() {
        var (first, second) = (Timeline.Stretch(), Timeline.Stretch())
        (first.memory, first.looks) = (100, 3)
        (second.memory, second.looks) = (200, 1)
        first.add(second)
        #expect(first.memory == 125)
        first.add(Timeline.Stretch())
        #expect(first.memory == 125)
    }

    @Test func pagesOfMetricsAreSummed() {
        let page = MetricsPage(
            """
            # TYPE cardume_queue_depth gauge
            cardume_queue_depth{assistant="a b",lane="light"} 3
            cardume_queue_depth{assistant="c",lane="light"} 4.5
            cardume_process_resident_memory_bytes 1e8

            """)
        #expect(page.sum("cardume_queue_depth") == 7.5)
        #expect(page.sum("cardume_process_resident_memory_bytes") == 100_000_000)
        #expect(page.sum("cardume_turns_in_flight") == nil)
    }
}

@Suite struct ReportTests {
    /// A ramp of three steps, of which the last is too much.
    static func results() throws -> RunResults {
        var generator = SeededGenerator(seed: 4)
        var schedule = LoadSchedule(TrafficProfile(), arrivals: .poisson, maximumOpen: 1_000, seed: 4)
        var record = RunRecord(DeliveryOracle(run: "abcd"), numbers: FakeNumbers(offset: 0), origin: 0)
        for (number, rate) in [20.0, 40, 80].enumerated() {
            let step = LoadStep(name: "\(Int(rate))/s <&>", rate: rate, seconds: 30)
            record.begin(step, first: schedule.count, at: Int64(number) * 30_000_000_000)
            schedule.begin(step, at: Double(number) * 30)
            while let (message, time) = schedule.next() {
                let intended = Int64(time * 1e9)
                record.posted(message, intended: intended, at: intended + 100_000)
                record.answered(message, .accepted, intended: intended, at: intended + 3_000_000)
                record.oracle(message.index, model: 1_000_000_000)
                let elapsed = Int64(Double.random(in: 1.05...(rate > 50 ? 4 : 1.3), using: &generator) * 1e9)
                if message.index == 77 { continue }
                record.caught(
                    CaughtReply(
                        channel: "carga-suporte", contact: FakeNumbers(offset: 0).contact(message.conversation),
                        text: MessageToken(run: "abcd", index: message.index).text), at: intended + elapsed)
            }
        }
        for second in 0..<90 {
            record.looked(depth: Double(second), inFlight: 10, memory: 1e8, at: Int64(second) * 1_000_000_000)
        }
        record.settled(at: 100_000_000_000)
        return RunResults(
            mode: "ramp", startedAt: "2000-01-01T00:00:00Z", finishedAt: "2000-01-01T00:01:30Z",
            environment: RunEnvironment(
                target: "http://a<b>", commandLine: ["/x/cardume-loadtest", "ramp", "--local"], seed: 4,
                settings: ["Door": "webhooks"]),
            objectives: .standard, latenessBound: 0.1, steps: record.steps, timeline: record.timeline, conversations: 100,
            strays: 0, foreign: 0, failures: ["503": 2], examples: record.examples, sabotage: nil, cost: nil, search: nil,
            drift: Drift(record.timeline), plannedSeconds: 90,
            verdict: Verdict(record.steps, .standard, latenessBound: 0.1))
    }

    @Test func resultsSurviveTheirFile() throws {
        let folder = TemporaryFolder()
        let results = try Self.results()
        try ResultsFolder(folder.path).write(results)
        let read = try RunResults.read(folder.path + "/results.json")
        #expect(read.steps.map(\.intended) == results.steps.map(\.intended))
        #expect(read.steps.map { $0.value(of: .replyP99) } == results.steps.map { $0.value(of: .replyP99) })
        #expect(read.verdict.outcome == .failed)
        #expect(HTMLReport(results: read).html == HTMLReport(results: results).html)
    }

    @Test func otherVersionsAreRefused() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/results.json"
        for text in ["{\"version\": 2}", "{}", "nada"] {
            try Data(text.utf8).write(to: URL(filePath: path))
            #expect(throws: (any Error).self) { try RunResults.read(path) }
        }
    }

    @Test func theReportNeedsNothingElseAndEscapesWhatItIsTold() throws {
        let html = HTMLReport(results: try Self.results()).html
        for outside in ["src=", "href=", "@import", "url("] { #expect(!html.contains(outside), "\(outside)") }
        #expect(!html.contains("<&>") && html.contains("&lt;&amp;&gt;"))
        #expect(!html.contains("http://a<b>"))
        #expect(html.contains("class=\"badge failed\""))
        #expect(html.contains("message 77 of conversation"))
        for number in ["nan", "inf", "NaN"] { #expect(!html.contains("\(number)\"")) }
    }

    @Test func everyChartIsWellFormed() throws {
        let html = HTMLReport(results: try Self.results()).html
        let charts = html.components(separatedBy: "<svg").dropFirst().map {
            "<svg" + $0.components(separatedBy: "</svg>")[0] + "</svg>"
        }
        #expect(charts.count == 7)
        for chart in charts {
            let parser = XMLParser(data: Data(chart.utf8))
            #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? ""): \(chart.prefix(300))")
            #expect(chart.contains("<path") || chart.contains("<rect"), "something is drawn")
        }
    }

    @Test func thePrometheusPageIsWellFormed() throws {
        let page = PrometheusPage(PrometheusResults(try Self.results()).text)
        #expect(page.problems == [])
        #expect(page.series.allSatisfy { page.types[$0.name] != nil || $0.name.hasSuffix("_count") })
        let lost = page.series.filter { $0.name == "cardume_loadtest_messages_lost" }
        #expect(lost.map(\.value).reduce(0, +) == 1)
        #expect(lost.map { $0.labels["step"] ?? "" }.contains("20/s <&>"))
        let outcome = page.series.filter { $0.name == "cardume_loadtest_outcome" && $0.value == 1 }
        #expect(outcome.map { $0.labels["outcome"] ?? "" } == ["failed"])
    }

    @Test func theTerminalIsToldTheSame() throws {
        let text = TextReport(results: try Self.results()).text
        #expect(text.contains("ramp: failed"))
        #expect(text.contains("80/s <&>: added_p95 is 2."))
    }
}

extension RunRecord {
    fileprivate mutating func oracle(_ index: Int, model: Int64) {
        self.modelAnswered(MessageToken(run: "abcd", index: index).text, after: model)
    }
}
