import CardumeLoad

/// A run's outcome for a terminal.
struct TextReport: Sendable {
    let results: RunResults

    var text: String {
        var lines = Self.table(self.rows)
        if let search = self.results.search {
            let limit = search.limit.map { "\(Numbers.short(($0 * 10).rounded() / 10)) messages/s" } ?? "none"
            lines += [""]
            for trial in search.trials where trial.outcome != .passed {
                lines.append("\(Numbers.short((trial.rate * 10).rounded() / 10))/s is too much: \(trial.reasons.first ?? "")")
            }
            lines += ["limit: \(limit)\(search.isCeiling ? " (the highest rate that was allowed)" : "")"]
        }
        for (name, test) in [("latency", self.results.drift?.latency), ("memory", self.results.drift?.memory)] {
            guard let test else { continue }
            lines.append(
                "drift of \(name): \(Numbers.fixed(test.growth * 100, 2)) % over the run, Mann–Kendall p = \(Numbers.fixed(test.p, 4))"
            )
        }
        lines += ["", "\(self.results.mode): \(self.results.verdict.outcome.rawValue)"]
        lines += self.results.verdict.reasons.prefix(20).map { "  \($0)" } + self.results.examples.prefix(5).map { "  \($0)" }
        return lines.joined(separator: "\n")
    }

    private var rows: [[String]] {
        [
            [
                "step", "rate", "messages", "accepted p95", "reply p50", "p95", "p99", "added p95", "errors", "lost",
                "reordered",
                "twice", "late p99",
            ]
        ]
            + self.results.steps.filter { $0.intended > 0 }.map { record in
                func time(_ measure: Objectives.Measure) -> String { record.value(of: measure).map(Numbers.time) ?? "-" }
                return [
                    record.step.name, "\(Numbers.short((record.step.rate * 10).rounded() / 10))/s", "\(record.intended)",
                    time(.acceptedP95), time(.replyP50), time(.replyP95), time(.replyP99), time(.addedP95),
                    "\(Numbers.fixed(record.errors * 100, 2)) %", "\(record.lost)", "\(record.reordered)",
                    "\(record.duplicates)",
                    Numbers.time(record.lateness.milliseconds(at: 99) / 1_000),
                ]
            }
    }

    static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let gap = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + gap : gap + cell.0
            }.joined(separator: "  ")
        }
    }
}
