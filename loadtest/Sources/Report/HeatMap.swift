#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How often which latency occurred at which time: the darker, the more of the messages of that moment.
struct HeatMap: Sendable {
    /// Bins of ``LogBins`` in one row: two rows for each doubling.
    private static let binsPerRow = 4

    let title: String
    let columns: [LogBins]
    /// Seconds of one column.
    let width: Double

    func html(_ frame: ChartFrame) -> String {
        let used = self.columns.flatMap { bins in bins.counts.indices.filter { bins.counts[$0] > 0 } }
        guard let least = used.min(), let most = used.max() else { return "<p class=\"note\">Nothing was answered.</p>" }
        let rows = (least / Self.binsPerRow)...(most / Self.binsPerRow)
        let height = 1 / Double(rows.count)
        var cells: [String] = []
        for (place, bins) in self.columns.enumerated() {
            let total = Double(bins.count)
            for row in rows {
                let count = (row * Self.binsPerRow..<(row + 1) * Self.binsPerRow).reduce(0) { sum, bin in
                    sum + (bin < bins.counts.count ? Int(bins.counts[bin]) : 0)
                }
                guard count > 0 else { continue }
                // The square root: a message in a hundred must still be seen.
                let shade = 0.08 + 0.92 * (Double(count) / total).squareRoot()
                let left = frame.x(min(Double(place) * self.width, frame.duration))
                let right = frame.x(min(Double(place + 1) * self.width, frame.duration))
                let top = frame.y(Double(row - rows.lowerBound + 1) * height)
                cells.append(
                    "<rect class=\"heat\" x=\"\(ChartFrame.n(left))\" y=\"\(ChartFrame.n(top))\" width=\"\(ChartFrame.n(right - left + 0.3))\" "
                        + "height=\"\(ChartFrame.n(frame.plotHeight * height + 0.3))\" fill-opacity=\"\(ChartFrame.n(shade))\"/>"
                )
            }
        }
        return frame.svg(self.title, ticks: Self.ticks(rows), content: cells.joined(separator: "\n"))
    }

    private static func ticks(_ rows: ClosedRange<Int>) -> [(share: Double, label: String)] {
        let bounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600]
        let bottom = log2(LogBins.lowerBound(rows.lowerBound * Self.binsPerRow))
        let top = log2(LogBins.lowerBound((rows.upperBound + 1) * Self.binsPerRow))
        let inside = bounds.filter { log2($0) >= bottom && log2($0) <= top }
        // Not more than there is room for.
        let stride = max(1, (inside.count + 6) / 7)
        return inside.enumerated().filter { $0.offset.isMultiple(of: stride) }
            .map { (share: (log2($0.element) - bottom) / (top - bottom), label: Numbers.shortTime($0.element)) }
    }
}
