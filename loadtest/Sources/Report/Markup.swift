/// Text that stands in HTML as it is.
func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
}

/// A table for the report. Cells are HTML already.
struct MarkupTable: Sendable {
    struct Column: Sendable {
        let title: String
        var isNumber = true
    }

    let columns: [Column]
    var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    var html: String {
        func cells(_ values: [String], _ tag: String) -> String {
            zip(values, self.columns).map { "<\(tag)\($1.isNumber ? " class=\"n\"" : "")>\($0)</\(tag)>" }.joined()
        }
        let body = self.rows.map { "<tr>\(cells($0, "td"))</tr>" }.joined(separator: "\n")
        let head = cells(self.columns.map { escaped($0.title) }, "th")
        return "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead><tbody>\(body)</tbody></table></div>"
    }
}
