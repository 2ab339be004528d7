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

    private func path(_ values: [Double?], _ frame: ChartFrame, top: Double) -> String {
        var path = ""
        var isDrawing = false
        for (place, value) in values.enumerated() {
            guard let value else {
                isDrawing = false
                continue
            }
            let x = ChartFrame.n(frame.x(min((Double(place) + 0.5) * self.width, frame.duration)))
            path += "\(isDrawing ? "L" : "M")\(x) \(ChartFrame.n(frame.y(value / top)))"
            // A single point is a dot, by the round ends of a line without length.
            let isAlone = !isDrawing && (place + 1 == values.count || values[place + 1] == nil)
            if isAlone { path += "h0" }
            isDrawing = true
        }
        return path
    }
}
