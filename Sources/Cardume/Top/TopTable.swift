/// A table that gives up columns where there is no room for all.
struct TopTable {
    struct Column {
        let title: String
        /// Numbers stand at the right of their column.
        var isNumber = true
        /// Which column goes first when there is no room: that with the highest. Those with 0 stay.
        var rank = 0

        static func name(_ title: String, rank: Int = 0) -> Column { Column(title: title, isNumber: false, rank: rank) }
        static func number(_ title: String, rank: Int = 0) -> Column { Column(title: title, rank: rank) }
    }

    struct Cell {
        let text: String
        let style: TextStyle

        init(_ text: String, _ style: TextStyle = .plain) {
            self.text = TextWidth.clean(text)
            self.style = style
        }
    }

    private static let gap = 2
    /// Below this the first column is not cut further.
    private static let leastName = 6

    let columns: [Column]
    let rows: [[Cell]]

    init(_ columns: [Column], _ rows: [[Cell]]) {
        self.columns = columns
        self.rows = rows
    }

    /// The header and the rows, none wider than `width`.
    func lines(width: Int) -> [StyledLine] {
        var shown = Array(self.columns.indices)
        var widths = self.columns.indices.map { column in
            ([self.columns[column].title] + self.rows.map { $0[column].text }).map(TextWidth.of).max() ?? 0
        }
        func excess() -> Int { shown.reduce(-Self.gap) { $0 + widths[$1] + Self.gap } - width }
        while excess() > 0 {
            let victim = shown.last { column in
                self.columns[column].rank > 0 && shown.allSatisfy { self.columns[$0].rank <= self.columns[column].rank }
            }
            guard let victim else { break }
            shown.removeAll { $0 == victim }
        }
        if excess() > 0, let first = shown.first { widths[first] = max(Self.leastName, widths[first] - excess()) }
        let header = shown.map { Cell(self.columns[$0].title, .dim) }
        return ([header] + self.rows.map { row in shown.map { row[$0] } }).map { cells in
            var line = StyledLine()
            for (cell, column) in zip(cells, shown) {
                if line != StyledLine() { line.append(String(repeating: " ", count: Self.gap)) }
                let text = StyledLine(cell.text).cut(to: widths[column]).plain
                let space = String(repeating: " ", count: max(0, widths[column] - TextWidth.of(text)))
                if self.columns[column].isNumber {
                    line.append(space)
                    line.append(text, cell.style)
                } else {
                    line.append(text, cell.style)
                    if column != shown.last { line.append(space) }
                }
            }
            return line.cut(to: width)
        }
    }
}
