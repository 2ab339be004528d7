/// One span of a trace, as others refer to it: what W3C Trace Context calls the parent.
public struct SpanReference: Hashable, Sendable {
    /// Never 0.
    public let id: UInt64
    /// Whether whoever made the span records the trace.
    public let isSampled: Bool
    /// `tracestate`: what others than this program know of the trace; `nil` for nothing.
    public let state: String?

    /// - Precondition: `id` is not 0, which names no span.
    public init(id: UInt64, isSampled: Bool, state: String? = nil) {
        precondition(id != 0, "a span without an id")
        self.id = id
        self.isSampled = isSampled
        self.state = state
    }
}

/// Where something stands in a trace.
public struct TraceContext: Hashable, Sendable {
    /// 32 lower-case hex digits, not all 0.
    public let traceID: String
    /// The span that the next one belongs below; `nil` when of the trace nothing is known but its id.
    public var span: SpanReference?

    /// - Returns: `nil` for what is no trace id.
    public init?(traceID: String, span: SpanReference? = nil) {
        guard TraceSyntax.isTraceID(traceID) else { return nil }
        self.traceID = traceID
        self.span = span
    }

    /// - Parameters:
    ///   - high: the id's first half; one of the two is not 0.
    ///   - low: its second half.
    public init(high: UInt64, low: UInt64, span: SpanReference? = nil) {
        precondition(high != 0 || low != 0, "a trace without an id")
        self.traceID = TraceSyntax.hexadecimal(high) + TraceSyntax.hexadecimal(low)
        self.span = span
    }

    /// The second half of the id, by which samplers decide.
    public var low: UInt64 { self.traceID.utf8.dropFirst(16).reduce(0) { $0 << 4 | TraceSyntax.value($1) } }
}

extension InboundMessage {
    /// Where the message stands in its trace; `nil` for those of producers that gave no W3C trace id.
    public var trace: TraceContext? { TraceContext(traceID: self.traceID, span: self.span) }
}
