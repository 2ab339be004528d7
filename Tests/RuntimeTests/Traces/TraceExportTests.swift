import CardumeCore
import CardumeTesting
import Foundation
import Logging
import Synchronization
import Testing
import Tracing

@testable import CardumeRuntime
@testable import CardumeTesting

/// Spans on their way to a collector that checks them, and has bad moments.
@Suite(.timeLimit(.minutes(1))) struct TraceExportTests {
    private static func settings(_ url: String, _ more: String = "") throws -> TraceSettings {
        let yaml = """
            traces:
              endpoint: \(url)
              headers: "x-key=a%20b"
              resource: "deployment.environment=teste"
              interval: 20ms
            \(more)
            """
        return try #require(try CardumeConfiguration(yaml: yaml, file: "c", environment: [:]).traces)
    }

    private static let quiet = Logger(label: "q") { _ in SwiftLogNoOpLogHandler() }

    /// Runs a pipeline to `collector` until `body` has ended, and then to its end.
    private static func withPipeline(
        to running: RunningCollector, _ more: String = "", _ body: (TracePipeline) async throws -> Void
    ) async throws -> TraceStatistics {
        let pipeline = TracePipeline(try Self.settings(running.url, more), version: "1", role: "run", logger: Self.quiet)
        async let run: Void = pipeline.run()
        try await body(pipeline)
        pipeline.stop()
        await run
        await pipeline.shutDown()
        return pipeline.statistics
    }

    private static func make(_ count: Int, _ pipeline: TracePipeline) {
        for number in 0..<count {
            let span: any Span = pipeline.traces.tracer.startSpan("s\(number)", context: .topLevel)
            span.end()
        }
    }

    @Test func everySortOfSpanIsWrittenAsTheSchemaSays() async throws {
        let running = try await RunningCollector()
        let statistics = try await Self.withPipeline(to: running) { pipeline in
            let tracer = pipeline.traces.tracer
            let above = TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=1")
            for kind in [SpanKind.internal, .server, .client, .producer, .consumer] {
                let span: any Span = tracer.startSpan("é \"\(kind)\"\n", context: .carrying(above), ofKind: kind)
                span.attributes = [
                    "s": "/é\u{1}", "i": .int64(.max), "b": true, "d": 0.5, "nan": .double(.nan), "n": .int32(-1),
                    "l": .stringArray(["x", "y"]), "k": .int64Array([1, 2]), "f": .boolArray([true]), "g": .doubleArray([1.5]),
                ]
                span.addEvent(SpanEvent(name: "e", attributes: ["k": "v"]))
                span.addLink(SpanLink(context: span.context, attributes: ["k": 1]))
                span.addLink(SpanLink(context: .carrying(TraceContext(high: 1, low: 2)), attributes: [:]))
                span.setStatus(SpanStatus(code: kind == .server ? .ok : .error, message: "m"))
                span.end()
            }
        }
        let collector = running.collector
        #expect(collector.problems == [])
        #expect(statistics == TraceStatistics(exported: 5, dropped: 0, waiting: 0))
        #expect(collector.spans.map(\.kind) == [1, 2, 3, 4, 5])
        #expect(collector.spans.map(\.status) == [2, 1, 2, 2, 2])
        let span = try #require(collector.spans.first)
        #expect(span.traceID == "0af7651916cd43dd8448eb211c80319c")
        #expect(span.parentID == "b7ad6b7169203331")
        #expect(span.state == "a=1")
        #expect(span.attributes["i"] == "9223372036854775807")
        #expect(span.attributes["l"] == "x,y")
        #expect(span.attributes["nan"] == "nan")
        #expect(span.attributes.count == 10)
        #expect(span.links.count == 2)
        #expect(span.resource["service.name"] == "cardume")
        #expect(span.resource["deployment.environment"] == "teste")
        #expect(span.resource["service.instance.id"]?.isEmpty == false)
        #expect(span.resource["host.name"]?.isEmpty == false)
        #expect(collector.headers.first?["x-key"] == "a b")
    }

    @Test func spansGoInBatches() async throws {
        let running = try await RunningCollector()
        let statistics = try await Self.withPipeline(to: running, "  batch: 10") { Self.make(35, $0) }
        #expect(running.collector.spans.count == 35)
        #expect(statistics.exported == 35)
        #expect(running.collector.sizes.allSatisfy { (1...10).contains($0) })
        #expect(running.collector.sizes.reduce(0, +) == 35)
    }

    @Test func aFullBatchDoesNotWaitForItsTime() async throws {
        let running = try await RunningCollector()
        let settings = try Self.settings(running.url, "  batch: 10")
        var patient = settings
        patient.interval = .seconds(3600)
        let pipeline = TracePipeline(patient, version: "1", role: "run", logger: Self.quiet)
        async let run: Void = pipeline.run()
        Self.make(10, pipeline)
        try await Waiting.until("the batch") { running.collector.spans.count == 10 }
        pipeline.stop()
        await run
        await pipeline.shutDown()
    }

    @Test(arguments: [429, 502, 503, 504])
    func aBusyCollectorGetsThemLater(_ status: Int) async throws {
        let running = try await RunningCollector()
        running.collector.answer([.status(status, retryAfter: "0.05"), .status(status)])
        let statistics = try await Self.withPipeline(to: running) { pipeline in
            Self.make(3, pipeline)
            try await Waiting.until("the third attempt") { running.collector.spans.count == 3 }
        }
        #expect(statistics == TraceStatistics(exported: 3, dropped: 0, waiting: 0))
        #expect(running.collector.requests == 3)
    }

    @Test func aCollectorThatRefusesIsNotAskedAgain() async throws {
        let running = try await RunningCollector()
        running.collector.answer([.status(400)])
        let statistics = try await Self.withPipeline(to: running) { pipeline in
            Self.make(3, pipeline)
            try await Waiting.until("the refusal") { pipeline.statistics.dropped == 3 }
            Self.make(2, pipeline)
        }
        #expect(statistics == TraceStatistics(exported: 2, dropped: 3, waiting: 0))
        #expect(running.collector.requests == 2)
    }

    @Test func rejectedSpansAreCounted() async throws {
        let running = try await RunningCollector()
        running.collector.answer([.partial(rejected: 2)])
        let statistics = try await Self.withPipeline(to: running, "  batch: 5") { Self.make(5, $0) }
        #expect(statistics == TraceStatistics(exported: 3, dropped: 2, waiting: 0))
    }

    @Test func aHangingCollectorIsGivenUpAndAskedAgain() async throws {
        let running = try await RunningCollector()
        running.collector.answer([.hang(.seconds(20))])
        let statistics = try await Self.withPipeline(to: running, "  timeout: 200ms") { pipeline in
            Self.make(3, pipeline)
            try await Waiting.until("the second attempt") { running.collector.spans.count == 3 }
        }
        #expect(statistics.exported == 3)
        #expect(running.collector.requests == 2)
    }

    /// However long it hangs, the program ends.
    @Test func theEndIsNotDelayedForLong() async throws {
        let running = try await RunningCollector()
        running.collector.answer([], otherwise: .hang(.seconds(30)))
        let begin = ContinuousClock.now
        let statistics = try await Self.withPipeline(to: running, "  timeout: 30s\n  shutdown_timeout: 300ms") { pipeline in
            Self.make(3, pipeline)
            try await Waiting.until("a request") { running.collector.requests == 1 }
        }
        #expect(begin.duration(to: .now) < .seconds(20))
        #expect(statistics == TraceStatistics(exported: 0, dropped: 3, waiting: 0))
    }

    @Test func spansOfABusyProcessAreDroppedNotKept() async throws {
        let running = try await RunningCollector()
        running.collector.answer([.hang(.seconds(20))], otherwise: .status(503))
        let statistics = try await Self.withPipeline(
            to: running, "  queue: 50\n  batch: 10\n  timeout: 30s\n  shutdown_timeout: 0s"
        ) { pipeline in
            Self.make(10, pipeline)
            try await Waiting.until("a request") { running.collector.requests == 1 }
            Self.make(100, pipeline)
            #expect(pipeline.statistics == TraceStatistics(exported: 0, dropped: 60, waiting: 50))
        }
        #expect(statistics.exported + statistics.dropped == 110)
    }

    @Test func theRatioChangesWhileItRuns() async throws {
        let running = try await RunningCollector()
        let statistics = try await Self.withPipeline(to: running) { pipeline in
            var settings = try Self.settings(running.url)
            settings.sampleRatio = 0
            pipeline.update(settings)
            Self.make(20, pipeline)
            settings.sampleRatio = 1
            pipeline.update(settings)
            Self.make(5, pipeline)
        }
        #expect(statistics.exported == 5)
    }

    @Test func whatIsPublishedIsDeclared() async throws {
        let pipeline = TracePipeline(try Self.settings("http://127.0.0.1:1"), version: "1", role: "run", logger: Self.quiet)
        let samples = await pipeline.samples()
        #expect(samples.map(\.name) == MetricFamily.traces.map(\.name))
        await pipeline.shutDown()
    }
}
