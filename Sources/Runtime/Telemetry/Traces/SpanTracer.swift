import CardumeCore
import Tracing

/// Makes spans for a collector. Contexts hold the trace as ``TraceContext``; requests carry it as W3C Trace Context.
final class SpanTracer: Tracer {
    private let sampling: Live<TraceSampling>
    private let random: @Sendable () -> UInt64
    private let onEnd: @Sendable (FinishedSpan) -> Void

    /// - Parameters:
    ///   - random: 64 random bits.
    ///   - onEnd: gets every span that is recorded, once. Must not block.
    init(
        sampling: Live<TraceSampling>, random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) },
        onEnd: @escaping @Sendable (FinishedSpan) -> Void
    ) {
        self.sampling = sampling
        self.random = random
        self.onEnd = onEnd
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> RecordedSpan {
        var context = context()
        let above = context.trace ?? TraceContext(high: self.identifier(), low: self.random())
        let id = self.identifier()
        let isSampled = self.sampling.value.samples(above)
        var own = above
        own.span = SpanReference(id: id, isSampled: isSampled, state: above.span?.state)
        context.trace = own
        guard isSampled else { return RecordedSpan(context, nil, onEnd: self.onEnd) }
        let span = FinishedSpan(
            operationName, own, id: id, parent: above.span, kind: kind, beganAt: instant().nanosecondsSinceEpoch)
        return RecordedSpan(context, span, onEnd: self.onEnd)
    }

    /// Does nothing: what has ended goes out within the interval that is configured.
    func forceFlush() {}

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: "traceparent", from: carrier) else { return }
        let state = extractor.extract(key: "tracestate", from: carrier)
        if let trace = TraceContext(traceparent: parent, tracestate: state) { context.trace = trace }
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.span?.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }

    private func identifier() -> UInt64 {
        while true {
            let id = self.random()
            if id != 0 { return id }
        }
    }
}
