/// A page in Prometheus' text format, as far as sums of gauges need it.
struct MetricsPage: Sendable {
    private let sums: [String: Double]

    init(_ text: String) {
        var sums: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            // Labels may hold spaces; the value stands behind the last one.
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { continue }
            sums[String(line.prefix { $0 != "{" && $0 != " " }), default: 0] += value
        }
        self.sums = sums
    }

    /// Over all label sets; `nil` when the page does not have the family.
    func sum(_ family: String) -> Double? { self.sums[family] }
}
