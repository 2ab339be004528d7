extension LoadTrace {
    /// Loads to try an autoscaler with. With the same seed they are always the same.
    public enum Shape: String, Sendable, CaseIterable {
        /// An hour of 75 messages/s.
        case steady
        /// An hour of as many in the mean, up to 40 % more or fewer in each 15 seconds.
        case noisy
        /// An hour, in turn 20 minutes of 25 messages/s and 20 of 125.
        case square
        /// Five minutes of 250 messages/s out of nothing, and 25 minutes of silence.
        case spike
        /// A day, minute by minute, with 160,000 messages from ten to eleven in the morning.
        case businessDay = "business-day"
    }

    public init(_ shape: Shape, seed: UInt64 = 1) {
        var random = TraceGenerator(state: seed)
        switch shape {
        case .steady:
            self.init([Step(from: 0, rate: 75)], end: 3_600)
        case .noisy:
            let steps = (0..<240).map { index in
                Step(from: Double(index) * 15, rate: (75 * random.factor(spread: 0.4) * 100).rounded() / 100)
            }
            self.init(steps, end: 3_600)
        case .square:
            self.init([Step(from: 0, rate: 25), Step(from: 1_200, rate: 125), Step(from: 2_400, rate: 25)], end: 3_600)
        case .spike:
            self.init([Step(from: 0, rate: 250), Step(from: 300, rate: 0)], end: 1_800)
        case .businessDay:
            self = Self.businessDay(&random)
        }
    }

    /// The part of the peak hour's messages that each hour of the day has.
    private static let hours = [
        0.04, 0.02, 0.02, 0.02, 0.03, 0.06, 0.15, 0.35, 0.70, 0.95, 1.00, 0.90, 0.65, 0.75, 0.90, 0.92, 0.85, 0.70, 0.50, 0.38,
        0.28, 0.20, 0.12, 0.07,
    ]

    private static func businessDay(_ random: inout TraceGenerator) -> LoadTrace {
        let peak = 160_000.0
        let steps = Self.hours.enumerated().flatMap { hour, share in
            let factors = (0..<60).map { _ in random.factor(spread: 0.1) }
            let scale = peak * share / factors.reduce(0, +) / 60
            return factors.enumerated().map { minute, factor in
                Step(from: Double(hour * 3_600 + minute * 60), rate: (factor * scale * 1_000).rounded() / 1_000)
            }
        }
        return LoadTrace(steps, end: 86_400)
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
private struct TraceGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var word = self.state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// Evenly from `1 - spread` to `1 + spread`.
    mutating func factor(spread: Double) -> Double {
        1 + spread * (2 * Double(self.next() >> 11) / Double(1 << 53) - 1)
    }
}
