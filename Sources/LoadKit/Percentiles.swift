import CardumeCore
import Histogram

/// Durations from a microsecond to an hour, to three digits.
package struct Percentiles: Sendable, Codable {
    private static let highest: UInt64 = 3_600_000_000

    private var histogram = Histogram<UInt64>(highestTrackableValue: Self.highest, numberOfSignificantValueDigits: .three)

    package init() {}

    /// Negative ones count as nothing, those beyond an hour as one.
    package mutating func record(nanoseconds: Int64) {
        self.histogram.record(min(UInt64(max(0, nanoseconds / 1_000)), Self.highest))
    }

    package mutating func add(_ other: Percentiles) { self.histogram.add(other.histogram) }

    package var count: Int { Int(self.histogram.totalCount) }

    /// Milliseconds by name; all 0 when nothing was recorded.
    package var milliseconds: [String: Double] {
        var values = ["p50": 50.0, "p95": 95, "p99": 99].mapValues { self.milliseconds(at: $0) }
        values["max"] = Double(self.histogram.maxRecorded) / 1_000
        return values
    }

    /// - Parameter percentile: 0 to 100.
    package func milliseconds(at percentile: Double) -> Double {
        Double(self.histogram.valueAtPercentile(percentile)) / 1_000
    }
}
