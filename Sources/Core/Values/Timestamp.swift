/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z. For records and for people; never for measuring how long
/// something took, nor for leases.
public struct Timestamp: Hashable, Comparable, Sendable, Codable {
    /// Years 1 to 9999, as in databases: any two are so near to each other that no difference overflows, whatever a stored
    /// message or a stranger's says.
    private static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    public let milliseconds: Int64

    /// - Parameter milliseconds: what is outside of the years 1 to 9999 becomes their beginning or end.
    public init(milliseconds: Int64) {
        self.milliseconds = min(max(milliseconds, Self.range.lowerBound), Self.range.upperBound)
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
