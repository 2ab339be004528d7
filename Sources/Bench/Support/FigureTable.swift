/// Figures named `row_column`, as a table; those that were not measured leave a gap.
struct FigureTable: Sendable {
    /// As in the figures' names, with what people read.
    let rows: [(name: String, label: String)]
    let columns: [(name: String, label: String)]

    /// Medians, with least and most when they differ.
    func text(_ report: Report) -> String {
        let figures = Dictionary(report.runs[0].map { ($0.name, $0) }) { first, _ in first }
        func cell(_ name: String) -> String {
            guard let figure = figures[name] else { return "" }
            let values = report.values(name)
            let median = figure.text(report.median(name))
            guard let least = values.first.map(figure.text), let most = values.last.map(figure.text), least != most else {
                return median
            }
            return "\(median) (\(least) to \(most))"
        }
        let lines =
            [[""] + self.columns.map(\.label)]
            + self.rows.map { row in [row.label] + self.columns.map { cell("\(row.name)_\($0.name)") } }
        return "\(report.heading)\n\n\(TextTable.text(lines))"
    }
}
