import CardumeCore
import Foundation
import NIOHTTP1
import Tracing

/// A call to another server: carries the trace there, as a span of its own where somebody makes spans.
struct OutgoingCall {
    /// `nil` where nobody does.
    private let span: (any Span)?
    private let trace: TraceContext?

    /// Goes on below what the running task belongs to, if that is of the same trace.
    ///
    /// - Parameters:
    ///   - name: one of few.
    ///   - address: the server's; of it, spans show host and port.
    ///   - traceID: of the message that the call is for.
    init(
        _ name: String, to address: String, traceID: String, _ traces: Traces?,
        _ attributes: @autoclosure () -> SpanAttributes = [:]
    ) {
        let running = ServiceContext.current?.trace
        let above = running?.traceID == traceID ? running : TraceContext(traceID: traceID)
        guard let traces else {
            (self.span, self.trace) = (nil, above)
            return
        }
        let span: any Span = traces.tracer.startSpan(name, context: .carrying(above), ofKind: .client)
        (self.span, self.trace) = (span, span.context.trace)
        guard span.isRecording else { return }
        var own = attributes()
        let address = URLComponents(string: address)
        own["http.request.method"] = "POST"
        own["server.address"] = address?.host
        own["server.port"] = address.flatMap { $0.port ?? ($0.scheme == "https" ? 443 : 80) }
        span.attributes = own
    }

    /// A call that is no span of its own: it carries the one that the running task belongs to.
    init(carrying traceID: String) { self.init("", to: "", traceID: traceID, nil) }

    func inject(into headers: inout HTTPHeaders) {
        guard let trace else { return }
        headers.replaceOrAdd(name: "traceparent", value: trace.traceparent)
        if let state = trace.span?.state { headers.replaceOrAdd(name: "tracestate", value: state) }
    }

    func answered(_ status: Int) { self.note { $0["http.response.status_code"] = status } }

    func note(_ change: (inout SpanAttributes) -> Void) {
        guard let span, span.isRecording else { return }
        span.updateAttributes(change)
    }

    /// - Parameter error: one of few; `nil` when it went well.
    func ended(_ error: String? = nil) {
        guard let span else { return }
        if let error { span.failed(error) }
        span.end()
    }
}
