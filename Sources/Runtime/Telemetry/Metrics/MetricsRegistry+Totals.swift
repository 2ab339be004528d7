extension MetricsRegistry {
    /// The sum of a family's series: of a histogram, its observations.
    ///
    /// - Parameters:
    ///   - name: of a family that is declared.
    ///   - label: one of the family's, which has to have `value`; `nil`, the default, for all series.
    func total(of name: String, where label: String? = nil, is value: String = "") -> Int {
        guard let vector = self.vectors.first(where: { $0.family.name == name }) else {
            preconditionFailure("\(name) is not declared")
        }
        let column = label.flatMap { vector.family.labels.firstIndex(of: $0) }
        let sum = vector.series.reduce(0.0) { sum, series in
            if let column, series.labels[column] != value { return sum }
            switch series.reading {
            case .value(let value): return sum + value
            case .histogram(let counts, _): return sum + counts.reduce(0, +)
            }
        }
        return Int(sum)
    }
}
