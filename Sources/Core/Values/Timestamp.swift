/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z. For records and for people; never for measuring how long
/// something took, nor for leases.
public struct Timestamp: Hashable, Comparable, Sendable, Codable {
    public let milliseconds: Int64

    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.milliseconds < rhs.milliseconds }

    public func advanced(by duration: Duration) -> Timestamp {
        Timestamp(milliseconds: self.milliseconds + duration.milliseconds)
    }

    /// Negative when `other` is later.
    public func elapsed(since other: Timestamp) -> Duration {
        .milliseconds(self.milliseconds - other.milliseconds)
    }

    public init(from decoder: any Decoder) throws {
        self.init(milliseconds: try decoder.singleValueContainer().decode(Int64.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.milliseconds)
    }
}

extension Duration {
    /// Whole milliseconds, cut off towards zero.
    public var milliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }

    /// Seconds with their fraction, for humans and JSON.
    public var seconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
