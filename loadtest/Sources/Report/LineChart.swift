/// Values over time.
struct LineChart: Sendable {
    struct Series: Sendable {
        let name: String
        /// One for each stretch of time; `nil` where nothing is known.
        let values: [Double?]
    }

    let title: String
    /// Up to four.
    let series: [Series]
    /// Seconds of one value.
    let width: Double
    let text: @Sendable (Double) -> String

    /// - Parameter frame: of the right duration.
    func html(_ frame: ChartFrame) -> String {
        let scale = ChartFrame.scale(self.series.flatMap { $0.values.compactMap(\.self) }.max() ?? 0)
        let ticks = scale.ticks.map { (share: $0 / scale.top, label: self.text($0)) }
        let lines = self.series.enumerated().map { number, series in
            "<path class=\"line s\(number + 1)\" d=\"\(self.path(series.values, frame, top: scale.top))\"/>"
        }
        let legend = self.series.enumerated().map { number, series in
            let most = series.values.compactMap(\.self).max()
            return "<span><i class=\"s\(number + 1)\"></i>\(escaped(series.name))"
                + "\(most.map { ", at most \(escaped(self.text($0)))" } ?? "")</span>"
        }
        return frame.svg(self.title, ticks: ticks, content: lines.joined(separator: "\n"))
            + "<div class=\"legend\">\(legend.joined())</div>"
    }

    /// A look now and then misses a stretch: the line goes on over two of them, and ends before more.
    private func path(_ values: [Double?], _ frame: ChartFrame, top: Double) -> String {
        let known = values.indices.filter { values[$0] != nil }
        var path = ""
        for (number, place) in known.enumerated() {
            let before = number > 0 ? known[number - 1] : nil
            let isContinued = before.map { place - $0 <= 3 } ?? false
            let x = ChartFrame.n(frame.x(min((Double(place) + 0.5) * self.width, frame.duration)))
            path += "\(isContinued ? "L" : "M")\(x) \(ChartFrame.n(frame.y((values[place] ?? 0) / top)))"
            // A point alone is a dot, by the round ends of a line without length.
            if !isContinued { path += "h0" }
        }
        return path
    }
}
