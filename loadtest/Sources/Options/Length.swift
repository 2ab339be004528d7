import ArgumentParser
import CardumeTesting

/// A length of time on the command line: `250ms`, `30s`, `5m`, `24h`, `7d`.
struct Length: Hashable, Sendable, ExpressibleByArgument {
    let seconds: Double

    init(seconds: Double) { self.seconds = seconds }

    init?(argument: String) {
        let number = argument.prefix { $0.isNumber || $0 == "." }
        let units = ["ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let value = Double(number), let unit = units[String(argument.dropFirst(number.count))], value >= 0 else { return nil }
        self.seconds = value * unit
    }

    var duration: Duration { .seconds(self.seconds) }
    var defaultValueDescription: String { self.seconds < 1 ? "\(Int(self.seconds * 1_000))ms" : "\(Numbers.short(self.seconds))s" }
}

/// How long model calls take, on the command line: `p50=1s,p95=3s`, or `1s` for a constant.
struct ModelTimes: Sendable, ExpressibleByArgument {
    let times: LogNormal

    init(_ times: LogNormal) { self.times = times }

    init?(argument: String) {
        var (median, p95): (Length?, Length?) = (Length(argument: argument), Length(argument: argument))
        for part in argument.split(separator: ",") {
            let pair = part.split(separator: "=").map(String.init)
            guard pair.count == 2 else { continue }
            switch pair[0] {
            case "p50": median = Length(argument: pair[1])
            case "p95": p95 = Length(argument: pair[1])
            default: return nil
            }
        }
        guard let median, let p95, median.seconds > 0, p95.seconds >= median.seconds else { return nil }
        self.times = LogNormal(median: median.duration, p95: p95.duration)
    }

    var defaultValueDescription: String { "p50=\(Numbers.short(self.times.median))s,p95=\(Numbers.short(self.times.p95))s" }
}

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
