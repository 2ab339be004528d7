import CardumeCore
import Foundation

/// The live view: redrawn in place on a terminal, silent elsewhere.
struct DemoView {
    let expected: Int
    private let isShown = isatty(STDOUT_FILENO) == 1
    private static let width = 30

    init(expected: Int) {
        self.expected = expected
        if self.isShown { self.write("\u{1B}[?25l") }
    }

    func show(posted: Int, _ counts: DemoObserver.Counts, elapsed: Duration) {
        guard self.isShown else { return }
        var lines = [
            "  cardume demo                                            \(Int(elapsed.seconds)) s",
            self.bar("messages in", posted), self.bar("replies out", counts.replies), "",
        ]
        for theme in DemoScript.themes {
            let count = counts.answered[AssistantID(theme.assistant)] ?? 0
            lines.append("  \(Self.pad(theme.assistant, 14)) \(String(repeating: "▪", count: min(count, 60))) \(count)")
        }
        let p95 = counts.replies > 0 ? counts.latency.valueAtPercentile(95) : 0
        lines += [
            "", "  retries \(counts.retries)   in doubt \(counts.inDoubt)   found again \(counts.reconciled)   p95 \(p95) ms",
        ]
        self.write(lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[\(lines.count)A")
    }

    /// Gives the terminal back.
    func clear() {
        if self.isShown { self.write("\u{1B}[J\u{1B}[?25h") }
    }

    private func bar(_ name: String, _ count: Int) -> String {
        let filled = min(Self.width, Self.width * count / max(self.expected, 1))
        let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: Self.width - filled)
        return "  \(Self.pad(name, 14)) \(bar) \(count)/\(self.expected)"
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }
}
