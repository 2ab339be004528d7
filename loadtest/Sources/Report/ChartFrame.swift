#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The frame all charts share: a plot with time from left to right, in a box of fixed size that scales with the page.
struct ChartFrame: Sendable {
    static let width = 1_000.0
    let height: Double
    let left = 64.0
    let right = 12.0
    let top = 20.0
    let bottom = 28.0
    /// Seconds.
    let duration: Double
    /// Where steps begin, in seconds, with what stands above them.
    let marks: [(time: Double, label: String)]

    init(height: Double = 250, duration: Double, marks: [(time: Double, label: String)]) {
        self.height = height
        self.duration = max(duration, 1)
        self.marks = marks
    }

    var plotWidth: Double { Self.width - self.left - self.right }
    var plotHeight: Double { self.height - self.top - self.bottom }

    func x(_ time: Double) -> Double { self.left + self.plotWidth * time / self.duration }
    /// - Parameter share: 0 at the bottom, 1 at the top.
    func y(_ share: Double) -> Double { self.top + self.plotHeight * (1 - share) }

    /// - Parameters:
    ///   - ticks: shares of the height, with their labels.
    ///   - content: SVG, drawn over the grid.
    func svg(_ title: String, ticks: [(share: Double, label: String)], content: String) -> String {
        var parts = [
            "<svg viewBox=\"0 0 \(Self.n(Self.width)) \(Self.n(self.height))\" role=\"img\" aria-label=\"\(escaped(title))\">"
        ]
        for tick in ticks {
            let y = Self.n(self.y(tick.share))
            parts.append(
                "<line class=\"grid\" x1=\"\(Self.n(self.left))\" x2=\"\(Self.n(Self.width - self.right))\" y1=\"\(y)\" y2=\"\(y)\"/>"
                    + "<text x=\"\(Self.n(self.left - 8))\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(escaped(tick.label))</text>"
            )
        }
        parts += self.stepMarks() + [content]
        let base = Self.n(self.y(0))
        parts.append(
            "<line class=\"axis\" x1=\"\(Self.n(self.left))\" x2=\"\(Self.n(Self.width - self.right))\" y1=\"\(base)\" y2=\"\(base)\"/>"
        )
        for time in Self.timeTicks(self.duration) {
            parts.append(
                "<text x=\"\(Self.n(self.x(time)))\" y=\"\(Self.n(self.height - 8))\" text-anchor=\"middle\">\(Self.clock(time))</text>"
            )
        }
        return (parts + ["</svg>"]).joined(separator: "\n")
    }

    private func stepMarks() -> [String] {
        // As many labels as have room.
        var free = 0.0
        return self.marks.map { mark in
            let x = self.x(mark.time)
            var text = ""
            if x >= free {
                text = "<text x=\"\(Self.n(x + 3))\" y=\"\(Self.n(self.top - 7))\">\(escaped(mark.label))</text>"
                free = x + 8 + 7 * Double(mark.label.count)
            }
            let line =
                "<line class=\"step\" x1=\"\(Self.n(x))\" x2=\"\(Self.n(x))\" y1=\"\(Self.n(self.top))\" y2=\"\(Self.n(self.y(0)))\"/>"
            return line + text
        }
    }

    /// A coordinate.
    static func n(_ value: Double) -> String { Numbers.short((value * 100).rounded() / 100) }

    /// A round number at or above `value`, and what it is divided into.
    static func scale(_ value: Double) -> (top: Double, ticks: [Double]) {
        guard value > 0 else { return (1, [0, 1]) }
        let power = pow(10, floor(log10(value)))
        let top = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map { $0 * power }.first { $0 >= value * 0.999 } ?? value
        let count = [1.5, 3, 6].contains { abs(top / power - $0) < 1e-6 } ? 3 : 4
        return (top, (0...count).map { top * Double($0) / Double(count) })
    }

    private static func timeTicks(_ duration: Double) -> [Double] {
        let steps = [
            1.0, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800,
        ]
        let step = steps.first { duration / $0 <= 10 } ?? duration / 8
        return Array(stride(from: 0, through: duration, by: step))
    }

    /// `0:30`, `12:00`, `3:00 h`.
    private static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return whole >= 36_000 ? "\(whole / 3_600):\(two(whole / 60 % 60)) h" : "\(whole / 60):\(two(whole % 60))"
    }
}
