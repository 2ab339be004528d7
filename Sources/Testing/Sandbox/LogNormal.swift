import CardumeCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Times as people and model servers take them: half are below the median, one in twenty is above the 95th percentile, few are
/// very long (log-normal distribution).
public struct LogNormal: Hashable, Sendable, Codable {
    /// Of the standard normal distribution.
    private static let quantile95 = 1.644853626951

    /// Seconds.
    public let median: Double
    /// Seconds.
    public let p95: Double

    /// - Parameters:
    ///   - median: more than 0.
    ///   - p95: at least `median`; equal for a constant.
    public init(median: Duration, p95: Duration) {
        precondition(median > .zero && p95 >= median, "a median of \(median) and a 95th percentile of \(p95)")
        self.median = median.seconds
        self.p95 = p95.seconds
    }

    private var sigma: Double { log(self.p95 / self.median) / Self.quantile95 }

    /// Seconds: what so many standard deviations above the median are; 2.326 for the 99th percentile, 3.090 for 99.9 %.
    public func quantile(deviations: Double) -> Double { self.median * exp(self.sigma * deviations) }

    /// Seconds.
    public var mean: Double { self.median * exp(self.sigma * self.sigma / 2) }

    /// Seconds.
    public func sample(using generator: inout some RandomNumberGenerator) -> Double {
        // Box and Muller, 1958.
        let radius = sqrt(-2 * log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)))
        let angle = 2 * Double.pi * Double.random(in: 0..<1, using: &generator)
        return self.median * exp(self.sigma * radius * cos(angle))
    }
}
