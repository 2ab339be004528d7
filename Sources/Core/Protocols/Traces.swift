public import Tracing

/// What spans are made with. Parts of the program that were given none make no spans, at no cost.
public struct Traces: Sendable {
    public let tracer: any Tracer
    /// Stands for what identifies a person, in spans; `nil` leaves it out. The same for equal texts.
    public let pseudonym: @Sendable (String) -> String?

    public init(tracer: any Tracer, pseudonym: @escaping @Sendable (String) -> String? = { _ in nil }) {
        self.tracer = tracer
        self.pseudonym = pseudonym
    }
}

extension ServiceContext {
    private enum TraceKey: ServiceContextKey {
        typealias Value = TraceContext
    }

    /// Where the running task stands in its trace.
    public var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }

    /// One that holds nothing else.
    public static func carrying(_ trace: TraceContext?) -> ServiceContext {
        var context = ServiceContext.topLevel
        context.trace = trace
        return context
    }
}

extension Timestamp: TracerInstant {
    /// 0 for times before 1970.
    public var nanosecondsSinceEpoch: UInt64 { UInt64(max(0, self.milliseconds)) * 1_000_000 }
}

extension Span {
    /// Marks what the span stands for as failed.
    ///
    /// - Parameter type: one of few; never what somebody else's server said.
    package func failed(_ type: String) {
        guard self.isRecording else { return }
        self.setStatus(SpanStatus(code: .error))
        self.updateAttributes { $0["error.type"] = type }
    }
}
