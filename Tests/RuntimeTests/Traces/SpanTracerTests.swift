import CardumeCore
import CardumeTesting
import Foundation
import Synchronization
import Testing
import Tracing

@testable import CardumeRuntime

@Suite struct SpanTracerTests {
    private final class Ended: Sendable {
        private let spans = Mutex<[FinishedSpan]>([])
        var all: [FinishedSpan] { self.spans.withLock { $0 } }
        func add(_ span: FinishedSpan) { self.spans.withLock { $0.append(span) } }
    }

    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private static func tracer(_ ended: Ended, ratio: Double = 1) -> SpanTracer {
        SpanTracer(sampling: Live(TraceSampling(ratio: ratio))) { ended.add($0) }
    }

    @Test func aSpanGoesOnBelowItsParent() throws {
        let ended = Ended()
        let tracer = Self.tracer(ended)
        let above = try #require(TraceContext(traceparent: Self.parent, tracestate: "a=1"))
        let outer = tracer.startSpan("outer", context: .carrying(above), ofKind: .server)
        let inner = tracer.startSpan("inner", context: outer.context)
        inner.setStatus(SpanStatus(code: .error))
        inner.end()
        inner.end()
        outer.end()
        #expect(ended.all.map(\.name) == ["inner", "outer"])
        #expect(ended.all.allSatisfy { $0.trace.traceID == above.traceID && $0.trace.span?.state == "a=1" })
        #expect(ended.all[1].parent == above.span)
        #expect(ended.all[0].parent?.id == ended.all[1].id)
        #expect(ended.all[0].id != ended.all[1].id)
        #expect(ended.all[0].beganAt >= ended.all[1].beganAt)
        #expect(ended.all[0].status?.code == .error)
    }

    @Test func whatIsNotRecordedStillHandsTheTraceOn() throws {
        let ended = Ended()
        let tracer = Self.tracer(ended, ratio: 0)
        let trace = try #require(TraceContext(traceID: "0af7651916cd43dd8448eb211c80319c"))
        let span = tracer.startSpan("a", context: .carrying(trace))
        let below = tracer.startSpan("b", context: span.context)
        span.attributes["a"] = "b"
        #expect(!span.isRecording)
        span.end()
        below.end()
        #expect(ended.all.isEmpty)
        #expect(span.context.trace?.traceID == trace.traceID)
        #expect(span.context.trace?.span?.isSampled == false)
        #expect(below.context.trace?.span?.id != span.context.trace?.span?.id)
    }

    @Test func aTraceBeginsWhereThereIsNone() throws {
        let ended = Ended()
        let tracer = Self.tracer(ended)
        tracer.startSpan("a", context: .topLevel).end()
        tracer.startSpan("b", context: .topLevel).end()
        #expect(ended.all.count == 2)
        #expect(ended.all[0].parent == nil)
        #expect(ended.all[0].trace.traceID != ended.all[1].trace.traceID)
    }

    @Test func requestsCarryIt() throws {
        struct Headers: Injector, Extractor {
            func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
            func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
        }
        let tracer = Self.tracer(Ended())
        let headers = ["traceparent": Self.parent, "tracestate": "a=1"]
        var context = ServiceContext.topLevel
        tracer.extract(headers, into: &context, using: Headers())
        var copy: [String: String] = [:]
        tracer.inject(context, into: &copy, using: Headers())
        #expect(copy == headers)
        var none: [String: String] = [:]
        tracer.inject(.topLevel, into: &none, using: Headers())
        #expect(none.isEmpty)
    }

    @Test func thereAreNotArbitrarilyManyLinks() throws {
        let ended = Ended()
        let span = Self.tracer(ended).startSpan("a", context: .topLevel)
        for _ in 0..<200 {
            span.addLink(SpanLink(context: span.context, attributes: [:]))
            span.addEvent("e")
        }
        span.end()
        #expect((ended.all[0].links.count, ended.all[0].droppedLinks) == (128, 72))
        #expect((ended.all[0].events.count, ended.all[0].droppedEvents) == (128, 72))
    }

    /// What an error says may hold what a contact wrote.
    @Test func errorsAreNotQuoted() throws {
        struct Odd: Error { let text = "5534999990001" }
        let ended = Ended()
        let span = Self.tracer(ended).startSpan("a", context: .topLevel)
        span.recordError(Odd())
        span.end()
        let body = try OTLPTraces.body(ended.all, resource: ["service.name": "s"], version: "1")
        let text = String(decoding: body, as: UTF8.self)
        #expect(text.contains("exception.type"))
        #expect(!text.contains("5534999990001"))
    }

    @Test func pseudonymsNeedTheKey() throws {
        let hash = TracePipeline.pseudonym("chave")
        let name = try #require(hash("loja:5534999990001"))
        #expect(name.utf8.count == 16)
        #expect(hash("loja:5534999990001") == name)
        #expect(hash("loja:5534999990002") != name)
        #expect(TracePipeline.pseudonym("outra")("loja:5534999990001") != name)
        #expect(TracePipeline.pseudonym(nil)("loja:5534999990001") == nil)
    }
}
