import ArgumentParser
package import CardumeTesting
import Foundation

/// A length of time on the command line: `250ms`, `30s`, `5m`, `24h`, `7d`.
package struct Length: Hashable, Sendable, ExpressibleByArgument {
    package let seconds: Double

    package init(seconds: Double) { self.seconds = seconds }

    package init?(argument: String) {
        let number = argument.prefix { $0.isNumber || $0 == "." }
        let units = ["ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let value = Double(number), let unit = units[String(argument.dropFirst(number.count))], value >= 0 else {
            return nil
        }
        self.seconds = value * unit
    }

    private static func short(_ value: Double) -> String {
        value.formatted(.number.precision(.fractionLength(0...3)).grouping(.never).locale(Locale(identifier: "en_US")))
    }

    package var duration: Duration { .seconds(self.seconds) }
    package var defaultValueDescription: String {
        self.seconds < 1 ? "\(Int(self.seconds * 1_000))ms" : "\(Self.short(self.seconds))s"
    }
}

/// How long model calls take, on the command line: `p50=1s,p95=3s`, or `1s` for a constant.
package struct ModelTimes: Sendable, ExpressibleByArgument {
    package let times: LogNormal

    package init(_ times: LogNormal) { self.times = times }

    package init?(argument: String) {
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

    /// The same on the command line.
    package var argument: String {
        "p50=\(Int((self.times.median * 1_000).rounded()))ms,p95=\(Int((self.times.p95 * 1_000).rounded()))ms"
    }

    package var defaultValueDescription: String {
        "p50=\(Length(seconds: self.times.median).defaultValueDescription),"
            + "p95=\(Length(seconds: self.times.p95).defaultValueDescription)"
    }
}
