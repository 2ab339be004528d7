/// Prometheus' text format, version 0.0.4.
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    /// Writes a family. One without series is left out.
    ///
    /// - Parameter series: each label set once.
    mutating func write(_ family: MetricFamily, _ series: [(labels: [String], reading: MetricReading)]) {
        guard !series.isEmpty else { return }
        self.text += "# HELP \(family.name) \(Self.escaped(family.help, quotes: false))\n"
        self.text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
        for (values, reading) in series.sorted(by: { $0.labels.lexicographicallyPrecedes($1.labels) }) {
            let labels = zip(family.labels, values).map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }
            switch reading {
            case .value(let value): self.line(family.name, labels, value)
            case .histogram(let counts, let sum): self.histogram(family, labels, counts, sum)
            }
        }
    }

    private mutating func histogram(_ family: MetricFamily, _ labels: [String], _ counts: [Double], _ sum: Double) {
        var total = 0.0
        for (count, bound) in zip(counts, family.buckets + [.infinity]) {
            total += count
            self.line("\(family.name)_bucket", labels + ["le=\"\(Self.number(bound))\""], total)
        }
        self.line("\(family.name)_sum", labels, sum)
        self.line("\(family.name)_count", labels, total)
    }

    private mutating func line(_ name: String, _ labels: [String], _ value: Double) {
        self.text += name
        if !labels.isEmpty { self.text += "{\(labels.joined(separator: ","))}" }
        self.text += " \(Self.number(value))\n"
    }

    /// As Go's `strconv.ParseFloat` reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }

    /// Labels' values are quoted, help is not.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
