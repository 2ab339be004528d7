import ArgumentParser

/// Weights by name, on the command line: `text=78,audio=15`.
struct WeightList: Sendable, ExpressibleByArgument {
    let weights: [String: Double]

    init(_ weights: [String: Double]) { self.weights = weights }

    init?(argument: String) {
        var weights: [String: Double] = [:]
        for part in argument.split(separator: ",") {
            let pair = part.split(separator: "=").map(String.init)
            guard pair.count == 2, let weight = Double(pair[1]), weight >= 0, weights[pair[0]] == nil else { return nil }
            weights[pair[0]] = weight
        }
        guard weights.values.reduce(0, +) > 0 else { return nil }
        self.weights = weights
    }

    var defaultValueDescription: String {
        self.weights.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key)=\(Numbers.short($0.value))" }
            .joined(separator: ",")
    }
}
