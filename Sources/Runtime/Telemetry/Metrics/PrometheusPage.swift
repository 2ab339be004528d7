import Foundation

/// A page in Prometheus' text format, read back. Knows just what this program writes.
package struct PrometheusPage: Sendable {
    package struct Series: Hashable, Sendable {
        /// With the suffixes of histograms.
        package var name: String
        package var labels: [String: String]
        package var value: Double
    }

    /// By family.
    package private(set) var types: [String: String] = [:]
    package private(set) var series: [Series] = []
    /// Lines that make no sense.
    package private(set) var problems: [String] = []

    package init(_ text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# TYPE "), words.count == 4 {
                self.types[words[2]] = words[3]
            } else if line.hasPrefix("# HELP "), words.count == 4 {
                continue
            } else if let series = Self.series(String(line)) {
                self.series.append(series)
            } else {
                self.problems.append(String(line))
            }
        }
        if !text.hasSuffix("\n") { self.problems.append("the last line has no end") }
    }

    /// The family of a series; `nil` when no `# TYPE` was seen for it.
    package func family(of series: Series) -> String? {
        if self.types[series.name] != nil { return series.name }
        for suffix in ["_bucket", "_sum", "_count"] where series.name.hasSuffix(suffix) {
            let name = String(series.name.dropLast(suffix.count))
            if self.types[name] == "histogram" { return name }
        }
        return nil
    }

    package var families: Set<String> { Set(self.series.compactMap(self.family)) }

    /// The sum over all series of this name with at least these labels; `nil` for none.
    package func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        let matching = self.series.filter { series in
            series.name == name && labels.allSatisfy { series.labels[$0.key] == $0.value }
        }
        return matching.isEmpty ? nil : matching.reduce(0) { $0 + $1.value }
    }

    private static func series(_ line: String) -> Series? {
        guard let space = line.lastIndex(of: " "), let value = Self.number(line[line.index(after: space)...]) else {
            return nil
        }
        let head = line[..<space]
        guard let brace = head.firstIndex(of: "{") else { return Series(name: String(head), labels: [:], value: value) }
        guard let labels = Self.labels(head[head.index(after: brace)...]) else { return nil }
        return Series(name: String(head[..<brace]), labels: labels, value: value)
    }

    private static func number(_ text: Substring) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: Double(text)
        }
    }

    /// - Parameter text: from behind the opening brace to the closing one.
    private static func labels(_ text: Substring) -> [String: String]? {
        var labels: [String: String] = [:]
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let name = String(rest[..<equals])
            rest = rest[rest.index(after: equals)...].dropFirst()
            var value = ""
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\" else {
                    value.append(character)
                    continue
                }
                switch rest.popFirst() {
                case "n": value.append("\n")
                case let escaped?: value.append(escaped)
                case nil: return nil
                }
            }
            labels[name] = value
            guard let separator = rest.popFirst() else { return nil }
            if separator == "}" { return rest.isEmpty ? labels : nil }
        }
        return nil
    }
}
