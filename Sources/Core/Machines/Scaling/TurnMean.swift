/// How long turns have taken lately: a mean in which what ended a minute ago counts half.
public struct TurnMean: Hashable, Sendable, Codable {
    private static let halfLife = 60.0

    /// From the slot's grant to its return.
    public private(set) var seconds: Double
    /// Turns it is made of, older ones counted less: what it weighs beside that of another process.
    public private(set) var weight: Double

    public init(seconds: Double, weight: Double) {
        self.seconds = seconds
        self.weight = weight
    }

    /// Whether a process can have measured it.
    var isPlausible: Bool { (0...1_000_000_000).contains(self.seconds) && (0...1_000_000_000_000).contains(self.weight) }

    /// Some more turns have ended.
    ///
    /// - Parameters:
    ///   - count: since the last call. With none, the mean stays and weighs less.
    ///   - total: of them all.
    ///   - elapsed: since the last call.
    public mutating func ended(_ count: Int, total: Duration, after elapsed: Duration) {
        // Nearly exponential for the small steps in which this is called.
        self.weight /= 1 + elapsed.seconds / Self.halfLife
        guard count > 0 else { return }
        self.seconds = (self.seconds * self.weight + total.seconds) / (self.weight + Double(count))
        self.weight += Double(count)
    }

    /// Of several processes; `nil` of none.
    public static func mean(of means: [TurnMean]) -> Double? {
        guard !means.isEmpty else { return nil }
        let total = means.reduce(0) { $0 + $1.weight }
        // All of them are from long ago.
        guard total > 0 else { return means.reduce(0) { $0 + $1.seconds } / Double(means.count) }
        return means.reduce(0) { $0 + $1.seconds * $1.weight } / total
    }
}
