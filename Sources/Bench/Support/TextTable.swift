/// Rows of cells, in columns that are as wide as they must be.
enum TextTable {
    /// - Parameters:
    ///   - rows: of equal length.
    ///   - leftAligned: columns of words; the others are of numbers.
    static func text(_ rows: [[String]], leftAligned: Set<Int> = [0]) -> String {
        guard let columns = rows.first?.indices else { return "" }
        let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = "  "
            for (column, cell) in row.enumerated() {
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { line += "   " }
                line += leftAligned.contains(column) ? cell + gap : gap + cell
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
