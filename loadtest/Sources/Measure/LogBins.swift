#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How often durations occurred, in bins that grow by 9 % each: small enough to be kept for every stretch of a long run.
struct LogBins: Hashable, Sendable {
    private static let perDoubling = 8.0
    /// Seconds: the lower bound of the first bin, in which shorter ones are counted, too.
    private static let least = 0.000_5
    /// The last one begins at 22 minutes.
    static let binCount = 172

    /// By bin; as many as are needed.
    private(set) var counts: [UInt32] = []

    init() {}

    var count: Int { self.counts.reduce(0) { $0 + Int($1) } }

    mutating func record(seconds: Double) {
        let bin = Self.bin(seconds)
        if self.counts.count <= bin { self.counts += Array(repeating: 0, count: bin + 1 - self.counts.count) }
        self.counts[bin] += 1
    }

    mutating func add(_ other: LogBins) {
        if self.counts.count < other.counts.count {
            self.counts += Array(repeating: 0, count: other.counts.count - self.counts.count)
        }
        for (bin, count) in other.counts.enumerated() { self.counts[bin] += count }
    }

    static func bin(_ seconds: Double) -> Int {
        guard seconds > Self.least else { return 0 }
        return min(Int(log2(seconds / Self.least) * Self.perDoubling), Self.binCount - 1)
    }

    /// Seconds: where a bin begins.
    static func lowerBound(_ bin: Int) -> Double { Self.least * exp2(Double(bin) / Self.perDoubling) }

    /// Seconds, right to 9 %; `nil` without any.
    ///
    /// - Parameter percentile: 0 to 100.
    func seconds(at percentile: Double) -> Double? {
        let total = self.count
        guard total > 0 else { return nil }
        let rank = percentile / 100 * Double(total)
        var sum = 0.0
        for (bin, count) in self.counts.enumerated() where count > 0 {
            let share = (rank - sum) / Double(count)
            sum += Double(count)
            if sum >= rank {
                // As if they lay evenly between the bounds, on the logarithmic scale.
                return Self.lowerBound(bin) * exp2(max(0, min(1, share)) / Self.perDoubling)
            }
        }
        return Self.lowerBound(self.counts.count)
    }
}

/// Pairs of bin and count, those that are not empty.
extension LogBins: Codable {
    init(from decoder: any Decoder) throws {
        let pairs = try [UInt32](from: decoder)
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            let bin = Int(pairs[index])
            guard bin < Self.binCount else {
                throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no bin \(bin)"))
            }
            if self.counts.count <= bin { self.counts += Array(repeating: 0, count: bin + 1 - self.counts.count) }
            self.counts[bin] = pairs[index + 1]
        }
    }

    func encode(to encoder: any Encoder) throws {
        let pairs = self.counts.enumerated().filter { $0.element > 0 }.flatMap { [UInt32($0.offset), $0.element] }
        try pairs.encode(to: encoder)
    }
}
