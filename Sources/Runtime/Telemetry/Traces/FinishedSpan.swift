import CardumeCore
import Tracing

/// A span that has ended, as it is handed to a collector.
struct FinishedSpan: Sendable {
    /// More of each than this is left out, and counted.
    static let limit = 128

    let trace: TraceContext
    let id: UInt64
    /// `nil` for the first of a trace, or of what is known of it here.
    let parent: SpanReference?
    let kind: SpanKind
    /// Nanoseconds since 1970.
    let beganAt: UInt64
    var endedAt: UInt64 = 0
    var name: String
    var attributes: SpanAttributes = [:]
    var events: [SpanEvent] = []
    var links: [(trace: TraceContext, attributes: SpanAttributes)] = []
    var droppedEvents = 0
    var droppedLinks = 0
    var status: SpanStatus?

    init(_ name: String, _ trace: TraceContext, id: UInt64, parent: SpanReference?, kind: SpanKind, beganAt: UInt64) {
        self.name = name
        self.trace = trace
        self.id = id
        self.parent = parent
        self.kind = kind
        self.beganAt = beganAt
    }
}
