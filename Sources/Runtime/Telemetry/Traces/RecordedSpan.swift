import CardumeCore
import Synchronization
import Tracing

/// A span while it runs. One that is not recorded only hands the trace on.
final class RecordedSpan: Span {
    let context: ServiceContext
    /// `nil` when it is not recorded, or has ended.
    private let state: Mutex<FinishedSpan?>
    private let onEnd: @Sendable (FinishedSpan) -> Void

    init(_ context: ServiceContext, _ span: FinishedSpan?, onEnd: @escaping @Sendable (FinishedSpan) -> Void) {
        self.context = context
        self.state = Mutex(span)
        self.onEnd = onEnd
    }

    var isRecording: Bool { self.state.withLock { $0 != nil } }

    var operationName: String {
        get { self.state.withLock { $0?.name ?? "" } }
        set { self.state.withLock { $0?.name = newValue } }
    }

    var attributes: SpanAttributes {
        get { self.state.withLock { $0?.attributes ?? [:] } }
        set { self.state.withLock { $0?.attributes = newValue } }
    }

    func setStatus(_ status: SpanStatus) {
        self.state.withLock { $0?.status = status }
    }

    func addEvent(_ event: SpanEvent) {
        self.state.withLock { span in
            guard let count = span?.events.count else { return }
            if count < FinishedSpan.limit { span?.events.append(event) } else { span?.droppedEvents += 1 }
        }
    }

    /// The error's type only: what errors say may hold what a contact wrote.
    func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes["exception.type"] = String(describing: type(of: error))
        self.addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    func addLink(_ link: SpanLink) {
        guard let trace = link.context.trace else { return }
        self.state.withLock { span in
            guard let count = span?.links.count else { return }
            if count < FinishedSpan.limit { span?.links.append((trace, link.attributes)) } else { span?.droppedLinks += 1 }
        }
    }

    /// The first call counts.
    func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let ended = self.state.withLock { span in
            defer { span = nil }
            return span
        }
        guard var ended else { return }
        ended.endedAt = max(instant().nanosecondsSinceEpoch, ended.beganAt)
        self.onEnd(ended)
    }
}
