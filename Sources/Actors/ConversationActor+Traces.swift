import CardumeCore
import Tracing

/// The trace of what a conversation does at the moment.
struct TurnTrace {
    /// Below which everything else belongs: the turn's span, or what the message came with.
    let context: ServiceContext
    /// `nil` where the turn is an earlier process's, and where nobody makes spans.
    let span: (any Span)?
}

/// Spans: of the wait before a turn, of the turn, of what it does. Where nobody makes any, all of this is one look at an optional;
/// a trace that came with the message is handed on all the same.
extension ConversationActor {
    /// A turn begins. Ended by ``turnTraceEnded(_:)`` or ``traceAftermath(of:)``.
    func traceTurn(_ turn: Turn, since startedAt: Timestamp) {
        let first = turn.messages[0]
        guard let traces = self.environment.traces else {
            if first.span != nil { self.trace = TurnTrace(context: .carrying(first.trace), span: nil) }
            return
        }
        let span: any Span = traces.tracer.startSpan(
            "turn \(turn.assistant.id)", context: .carrying(first.trace), ofKind: .consumer, at: startedAt)
        self.trace = TurnTrace(context: span.context, span: span)
        if turn.attempt == 1 {
            for message in turn.messages { self.traceWait(of: message, until: startedAt, for: span, traces) }
        }
        guard span.isRecording else { return }
        for other in turn.messages.dropFirst() {
            if let trace = other.trace { span.addLink(SpanLink(context: .carrying(trace), attributes: [:])) }
        }
        span.updateAttributes { attributes in
            attributes["messaging.system"] = "cardume"
            attributes["messaging.operation.type"] = "process"
            attributes["messaging.destination.name"] = "\(self.fence.partition.queue)"
            attributes["messaging.batch.message_count"] = turn.messages.count
            attributes["cardume.assistant"] = turn.assistant.id.rawValue
            attributes["cardume.channel"] = self.id.channel.rawValue
            attributes["cardume.turn.attempt"] = turn.attempt
            attributes["cardume.message.kind"] = first.kind.rawValue
            attributes["cardume.queue.wait_ms"] = Int(startedAt.elapsed(since: first.receivedAt).milliseconds)
            attributes["cardume.conversation"] = traces.pseudonym(self.id.rawValue)
            attributes["cardume.message"] = traces.pseudonym(first.id.rawValue)
        }
    }

    /// From the door to the turn that answers `message`, in the message's own trace.
    private func traceWait(of message: InboundMessage, until end: Timestamp, for turn: any Span, _ traces: Traces) {
        // Producers in other languages may leave it out.
        guard message.receivedAt.milliseconds > 0 else { return }
        let span: any Span = traces.tracer.startSpan(
            "wait \(self.settings.assistant.id)", context: .carrying(message.trace), at: message.receivedAt)
        if span.isRecording { span.addLink(SpanLink(context: turn.context, attributes: [:])) }
        span.end(at: max(end, message.receivedAt))
    }

    /// The turn has ended otherwise than with an answer.
    func turnTraceEnded(_ error: any Error) {
        guard let span = self.trace?.span, span.isRecording else { return }
        switch error {
        case let failure as TurnFailure:
            span.failed(failure.category.rawValue)
        case is Supersession:
            span.updateAttributes { $0["cardume.turn.superseded"] = true }
        case is TurnPostponement:
            span.updateAttributes { $0["cardume.turn.postponed"] = true }
        case is CancellationError:
            span.updateAttributes { $0["cardume.turn.interrupted"] = true }
        case let error as StoreError:
            span.failed("store.\(error.code)")
        default:
            span.failed("_OTHER")
        }
        span.end()
    }

    /// The turn of `message` is over; its sends and what else follows belong to its trace.
    func traceAftermath(of message: InboundMessage) {
        if let trace = self.trace {
            trace.span?.end()
        } else if self.environment.traces != nil || message.span != nil, let trace = message.trace {
            self.trace = TurnTrace(context: .carrying(trace), span: nil)
        }
    }

    /// Runs `body` as part of the trace, so that what it calls can hand it on.
    func inTrace<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        guard let context = self.trace?.context else { return try await body() }
        return try await ServiceContext.$current.withValue(context) { try await body() }
    }

    /// Runs `body` in a span of its own, or where nobody makes any as ``inTrace(_:)``.
    func inSpan<Result>(_ name: String, _ body: () async throws -> Result) async throws -> Result {
        guard let trace = self.trace, let traces = self.environment.traces else { return try await self.inTrace(body) }
        let span: any Span = traces.tracer.startSpan(name, context: trace.context)
        defer { span.end() }
        do {
            return try await ServiceContext.$current.withValue(span.context) { try await body() }
        } catch {
            span.failed((error as? StoreError).map { "store.\($0.code)" } ?? "_OTHER")
            throw error
        }
    }
}

extension JournalRecord {
    /// For spans.
    var name: String {
        switch self {
        case .turn: "turn"
        case .send: "send"
        case .deadLetter: "dead letter"
        case .crashMark: "crash mark"
        }
    }
}
