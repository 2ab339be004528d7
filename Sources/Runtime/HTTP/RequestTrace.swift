import CardumeCore
import HTTPTypes
import Hummingbird
import Synchronization
import Tracing

/// The part of a trace that a request to this program is.
struct RequestTrace {
    /// Of the request, below which its messages belong. Without a span where nobody makes any, and the caller named none.
    let trace: TraceContext
    /// `nil` where nobody makes spans. Exported only when it is ended.
    private let span: (any Span)?

    /// - Parameter traces: `nil` for requests that get no span.
    init(_ request: Request, _ traces: Traces?) {
        let above = request.trace
        guard let traces else {
            (self.trace, self.span) = (above, nil)
            return
        }
        // The path may hold a contact's number; the route, which is known later, does not.
        let span: any Span = traces.tracer.startSpan("HTTP", context: .carrying(above), ofKind: .server)
        (self.trace, self.span) = (span.context.trace ?? above, span)
    }

    /// Answers the request as part of the trace.
    @concurrent func run(_ answer: @concurrent () async throws -> Response) async throws -> Response {
        guard self.trace.span != nil else { return try await answer() }
        return try await ServiceContext.$current.withValue(.carrying(self.trace)) { try await answer() }
    }

    /// - Parameters:
    ///   - route: the path as the router knows it; something else when it knows none.
    ///   - isAdmitted: whether whoever calls has shown who they are. Strangers leave no spans: they could make any number.
    func ended(
        _ method: HTTPRequest.Method, _ route: String?, _ status: HTTPResponse.Status, isAdmitted: Bool
    ) {
        guard let span, isAdmitted else { return }
        if span.isRecording {
            let route = route.flatMap { $0.hasPrefix("/") ? $0 : nil }
            // Callers may invent methods.
            let isKnown = [.get, .head, .post, .put, .patch, .delete, .options].contains(method)
            if isKnown { span.operationName = [method.rawValue, route].compactMap(\.self).joined(separator: " ") }
            span.updateAttributes { attributes in
                attributes["http.request.method"] = isKnown ? method.rawValue : "_OTHER"
                attributes["http.route"] = route
                attributes["http.response.status_code"] = status.code
            }
            // What a caller did wrong is no failure of ours.
            if status.code >= 500 { span.failed("\(status.code)") }
        }
        span.end()
    }
}

/// Whether whoever makes a request has shown that they may.
final class Admission: Sendable {
    private let state = Mutex(false)

    var isGranted: Bool { self.state.withLock { $0 } }

    /// Their key, token or signature is right, or the door is open to everybody.
    func grant() { self.state.withLock { $0 = true } }
}

/// The way of messages from a door into the log.
struct AppendTrace {
    /// What the messages carry; `nil` for nothing.
    let carried: SpanReference?
    private let span: (any Span)?

    /// Goes on below the request that the running task answers.
    init(messages count: Int, _ traces: Traces?) {
        let above = ServiceContext.current?.trace
        guard let traces, let above else {
            (self.carried, self.span) = (above?.span, nil)
            return
        }
        let span: any Span = traces.tracer.startSpan("append", context: .carrying(above), ofKind: .producer)
        (self.carried, self.span) = (span.context.trace?.span, span)
        guard span.isRecording else { return }
        span.attributes = [
            "messaging.system": "cardume", "messaging.operation.type": "send",
            "messaging.batch.message_count": .int64(Int64(count)),
        ]
    }

    func ended(_ error: (any Error)?) {
        guard let span else { return }
        switch error {
        case nil: break
        case let error as StoreError: span.failed("store.\(error.code)")
        case let error as APIError: span.failed(error.code)
        default: span.failed("_OTHER")
        }
        span.end()
    }
}

extension Request {
    /// The trace this request belongs to: `traceparent`'s, `X-Trace-ID`'s, or a new one.
    var trace: TraceContext {
        if let parent = self.headers[.traceparent],
            let trace = TraceContext(traceparent: parent, tracestate: self.headers[.tracestate])
        {
            return trace
        }
        if let trace = self.headers[.traceID].flatMap({ TraceContext(traceID: $0.lowercased()) }) { return trace }
        return TraceContext(high: .random(in: 1 ... .max), low: .random(in: .min ... .max))
    }
}
