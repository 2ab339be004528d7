#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Whether a series grows: the rank test of Mann (1945) and Kendall (1975), which asks nothing of the values' distribution, with
/// the slope of Theil (1950) and Sen (1968), which outliers do not bend.
///
/// A series may come in blocks (attempts at a run that was interrupted): values are only compared within their block, and the
/// blocks' statistics added up, as Hirsch, Slack and Smith (1982) do with seasons.
///
/// Neighbouring values of a running system resemble each other, which makes the rank test find growth too easily. So growth
/// counts only when it is also large: ``isDrift(beyond:)``.
struct DriftTest: Sendable, Codable, Equatable {
    /// One growth in a hundred that is found is none.
    static let significance = 0.01
    /// Fewer values say nothing.
    static let leastValues = 10

    /// Kendall's S, the number of pairs that grow less those that shrink, in standard deviations.
    let z: Double
    /// The chance to find this much growth where there is none.
    let p: Double
    /// Per value.
    let slope: Double
    /// What the slope amounts to from the first value to the last, as a share of the median.
    let growth: Double

    /// - Parameter blocks: values at equal distances. `nil` results when there are fewer than ``leastValues`` in all.
    init?(_ blocks: [[Double]]) {
        let values = blocks.flatMap(\.self)
        guard values.count >= Self.leastValues else { return nil }
        var (s, variance) = (0, 0.0)
        var slopes: [Double] = []
        for block in blocks where block.count > 1 {
            for last in 1..<block.count {
                for first in 0..<last {
                    let difference = block[last] - block[first]
                    s += difference > 0 ? 1 : difference < 0 ? -1 : 0
                    slopes.append(difference / Double(last - first))
                }
            }
            variance += Self.variance(block)
        }
        // The correction for continuity.
        self.z = s == 0 || variance == 0 ? 0 : (Double(s) - (s > 0 ? 1 : -1)) / variance.squareRoot()
        self.p = 0.5 * erfc(self.z / 2.squareRoot())
        self.slope = Self.median(slopes)
        let median = Self.median(values)
        self.growth = median == 0 ? 0 : self.slope * Double(values.count - 1) / median
    }

    /// Whether the series grows, significantly and by more than `limit` (a share of the median) over its whole length.
    func isDrift(beyond limit: Double) -> Bool { self.p < Self.significance && self.growth > limit }

    /// Of S, ties included.
    private static func variance(_ values: [Double]) -> Double {
        func term(_ count: Int) -> Double { Double(count) * Double(count - 1) * Double(2 * count + 5) }
        let ties = Dictionary(grouping: values) { $0 }.values.map { term($0.count) }
        return (term(values.count) - ties.reduce(0, +)) / 18
    }

    private static func median(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

/// Of each series, how it grows; `nil` where there is too little of it.
struct Drift: Sendable, Codable, Equatable {
    /// Of every attempt, the share that is left out while caches and heaps fill.
    static let warmUp = 0.2
    /// Values compared at most: the number of pairs grows with the square.
    private static let mostValues = 300

    /// The 95th percentile of replies.
    let latency: DriftTest?
    /// What all processes together hold in memory.
    let memory: DriftTest?

    init(_ timeline: Timeline) {
        let stretches = timeline.coarsened(to: Self.mostValues).stretches
        let segments = Dictionary(grouping: stretches, by: \.segment).sorted { $0.key < $1.key }.map { _, stretches in
            // The last stretch is seldom whole.
            Array(stretches.dropFirst(Int((Double(stretches.count) * Self.warmUp).rounded(.up))).dropLast())
        }
        self.latency = DriftTest(segments.map { $0.compactMap { $0.reply.seconds(at: 95) } })
        self.memory = DriftTest(segments.map { $0.compactMap(\.memory) })
    }
}
