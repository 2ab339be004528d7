import CardumeCore
import Histogram

/// Durations from a microsecond to an hour, to three digits.
struct Percentiles: Sendable {
    private var histogram = Histogram<UInt64>(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)

    /// Negative ones count as nothing.
    mutating func record(nanoseconds: Int64) {
        self.histogram.record(UInt64(max(0, nanoseconds / 1_000)))
    }

    var count: Int { Int(self.histogram.totalCount) }

    /// Milliseconds by name; all 0 when nothing was recorded.
    var milliseconds: [String: Double] {
        var values = ["p50": 50.0, "p95": 95, "p99": 99].mapValues {
            Double(self.histogram.valueAtPercentile($0)) / 1_000
        }
        values["max"] = Double(self.histogram.maxRecorded) / 1_000
        return values
    }

    /// - Parameter label: what was measured.
    static func figures(_ milliseconds: [String: Double], _ name: String, _ label: String) -> [Figure] {
        ["p50", "p95", "p99", "max"].map {
            Figure("\(name)_\($0)_milliseconds", "\(label) \($0)", milliseconds[$0] ?? 0, .milliseconds)
        }
    }
}
