import ArgumentParser

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// When messages come, whatever became of those before: drawn from a seed, never from the target's answers.
enum ArrivalProcess: String, Sendable, Codable, CaseIterable, ExpressibleByArgument {
    /// Independent of each other, as people are: gaps are exponentially distributed.
    case poisson
    /// At equal distances.
    case constant

    /// Seconds from one message to the next.
    ///
    /// - Parameter rate: messages per second, more than 0.
    func gap(rate: Double, using generator: inout some RandomNumberGenerator) -> Double {
        switch self {
        case .constant: 1 / rate
        case .poisson: -log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)) / rate
        }
    }
}
