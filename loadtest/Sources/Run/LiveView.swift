import CardumeLoad
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a person sees while a run goes on: on a terminal a block that is drawn anew each second, elsewhere a line every ten, more often in the beginning.
struct LiveView: Sendable {
    let mode: String
    /// Seconds of all steps; `nil` when nobody knows.
    let planned: Double?
    let objectives: Objectives
    let latenessBound: Double
    private let isTerminal = isatty(STDERR_FILENO) == 1

    /// Draws until it is cancelled.
    func show(_ run: LoadRun) async {
        var height = 0
        repeat {
            let record = run.snapshot
            let lines =
                self.isTerminal
                ? self.block(record, at: run.elapsed).map { String($0.prefix(Self.columns)) }
                : [self.line(record, at: run.elapsed)]
            let back = self.isTerminal && height > 0 ? "\u{1B}[\(height)A\u{1B}[J" : ""
            FileHandle.standardError.write(Data((back + lines.joined(separator: "\n") + "\n").utf8))
            height = lines.count
            let pause = self.isTerminal ? 1 : run.elapsed < 10 ? 2 : 10
            try? await ContinuousClock().sleep(for: .seconds(pause))
        } while !Task.isCancelled
    }

    /// Of the terminal: a line that is broken in two would not be drawn over.
    private static var columns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    private func block(_ record: RunRecord, at elapsed: Double) -> [String] {
        let recent = self.recent(record, at: elapsed)
        let step = record.steps.last { $0.intended > 0 } ?? record.steps.last
        let of = self.planned.map { " of \(Numbers.length($0))" } ?? ""
        func latency(_ percentiles: Percentiles?) -> String {
            guard let percentiles, percentiles.count > 0 else { return "-" }
            return [50.0, 95, 99].map { "p\(Int($0)) \(Numbers.time(percentiles.milliseconds(at: $0) / 1_000))" }
                .joined(separator: "  ")
        }
        return [
            "\(self.mode)  \(step.map { "\($0.step.name) (\(Numbers.short($0.step.rate))/s)" } ?? "")  \(Numbers.length(elapsed))\(of)",
            "  messages/s   intended \(recent.intended)  accepted \(recent.accepted)  replied \(recent.replied)",
            "  in flight    \(record.oracle.outstanding)   unsettled \(recent.depth)",
            "  accepted     \(latency(step?.acceptance))",
            "  reply        \(latency(step?.reply))",
            "  added        \(latency(step?.added))",
            "  so far       \(self.counts(record))",
            "  verdict      \(self.verdict(record))",
        ]
    }

    private func line(_ record: RunRecord, at elapsed: Double) -> String {
        let recent = self.recent(record, at: elapsed)
        let step = record.steps.last { $0.intended > 0 }
        let p95 = step.flatMap { $0.value(of: .replyP95) }.map(Numbers.time) ?? "-"
        return
            "\(Numbers.length(elapsed))  \(step?.step.name ?? "")  intended \(recent.intended)/s  accepted \(recent.accepted)/s  "
            + "replied \(recent.replied)/s  in flight \(record.oracle.outstanding)  reply p95 \(p95)  \(self.counts(record))  "
            + self.verdict(record)
    }

    private func counts(_ record: RunRecord) -> String {
        func sum(_ value: (StepRecord) -> Int) -> Int { record.steps.reduce(0) { $0 + value($1) } }
        return "refused \(sum(\.refused))  failed \(sum(\.failed))  reordered \(sum(\.reordered))  twice \(sum(\.duplicates))"
    }

    /// Of the steps that are over and of the present one, as far as it goes.
    private func verdict(_ record: RunRecord) -> String {
        let verdict = Verdict(record.steps, self.objectives, latenessBound: self.latenessBound, strays: record.strays)
        let missed = verdict.rows.first { $0.value != nil && !$0.passed }
        return missed.map { row in
            "\(row.step ?? ""): \(row.measure.rawValue) \(row.value.map(row.measure.text) ?? "")"
        } ?? "good so far"
    }

    /// A second's counts, of the latest stretches that are whole.
    private func recent(
        _ record: RunRecord, at elapsed: Double
    ) -> (intended: String, accepted: String, replied: String, depth: String) {
        let timeline = record.timeline
        let whole = timeline.stretches.prefix(Int(elapsed / timeline.width))
        let latest = whole.suffix(max(1, Int(5 / timeline.width)))
        let seconds = Double(max(latest.count, 1)) * timeline.width
        func rate(_ value: (Timeline.Stretch) -> Int) -> String {
            Numbers.fixed(Double(latest.reduce(0) { $0 + value($1) }) / seconds, 0)
        }
        let depth = timeline.stretches.reversed().prefix(5).compactMap(\.depth).first
        return (rate(\.intended), rate(\.accepted), rate(\.replied), depth.map { Numbers.fixed($0, 0) } ?? "-")
    }
}
