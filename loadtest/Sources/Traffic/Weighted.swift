/// Chooses at random, by weight.
struct Weighted<Choice: Sendable>: Sendable {
    private let choices: [Choice]
    /// Sums of the weights up to and including each choice.
    private let sums: [Double]

    /// - Parameter weights: 0 or more, their sum more than 0.
    init(_ weights: [(Choice, Double)]) {
        self.choices = weights.map(\.0)
        self.sums = weights.reduce(into: []) { sums, weight in sums.append((sums.last ?? 0) + weight.1) }
        precondition(self.sums.last ?? 0 > 0 && weights.allSatisfy { $0.1 >= 0 }, "weights must be 0 or more, their sum more")
    }

    func choose(using generator: inout some RandomNumberGenerator) -> Choice {
        let point = Double.random(in: 0..<(self.sums.last ?? 1), using: &generator)
        return self.choices[self.sums.firstIndex { point < $0 } ?? self.choices.count - 1]
    }
}
