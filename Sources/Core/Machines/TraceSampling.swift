/// Which traces are recorded: those that were begun elsewhere as it was decided there; of the others a part, the same in every
/// process that is told the same part.
public struct TraceSampling: Hashable, Sendable {
    /// From 0, none, to 1, all.
    public var ratio: Double

    public init(ratio: Double) {
        self.ratio = ratio
    }

    public func samples(_ trace: TraceContext) -> Bool {
        if let span = trace.span { return span.isSampled }
        // Trace ids are random in their second half, also where they hold a time in the first. 53 bits are what a Double has.
        return Double(trace.low >> 11) < self.ratio * 0x1p53
    }
}
