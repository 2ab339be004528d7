import CardumeCore

/// What a trial showed, for people or for programs.
struct AutoscalingReport {
    private static let width = 72
    private static let bars = Array(" ▁▂▃▄▅▆▇█")
    let result: AutoscalingTrial.Result
    let trace: LoadTrace

    init(_ result: AutoscalingTrial.Result, _ trace: LoadTrace) {
        self.result = result
        self.trace = trace
    }

    /// A line for each second.
    var csv: String {
        let lines = self.result.samples.map {
            [
                Self.number($0.second), Self.number($0.rate), "\($0.replicas)", "\($0.ready)", "\($0.inFlight)",
                "\($0.waiting)",
                Self.number($0.oldest), Self.number($0.demand),
            ].joined(separator: ",")
        }
        let header = "seconds,messages_per_second,replicas,ready,in_flight,waiting,oldest_seconds,demand_slots"
        return ([header] + lines).joined(separator: "\n") + "\n"
    }

    /// - Parameter interval: between two lines of the table, in seconds; `nil` for some thirty lines.
    func text(every interval: Int?) -> String {
        ([self.table(every: interval ?? max(60, self.result.samples.count / 30 / 60 * 60)), self.charts, self.summary])
            .joined(separator: "\n\n") + "\n"
    }

    private func table(every interval: Int) -> String {
        let names = ["time", "msg/s", "pods", "ready", "in flight", "waiting", "oldest s", "demand"]
        let rows = stride(from: 0, to: self.result.samples.count, by: interval).map { index -> [String] in
            let sample = self.result.samples[index]
            return [
                Self.time(sample.second), Self.number(sample.rate), "\(sample.replicas)", "\(sample.ready)",
                "\(sample.inFlight)", "\(sample.waiting)", Self.number(sample.oldest), Self.number(sample.demand),
            ]
        }
        let widths = names.indices.map { column in ([names] + rows).map { $0[column].count }.max() ?? 0 }
        return ([names] + rows).map { row in
            zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private var charts: String {
        [
            ("msg/s", { $0.rate }), ("pods", { Double($0.replicas) }), ("waiting", { Double($0.waiting) }),
            ("oldest s", { $0.oldest }),
        ].map { (name: String, value: (AutoscalingTrial.Sample) -> Double) in self.chart(name, value) }.joined(separator: "\n")
    }

    /// The highest value of each part of the time.
    private func chart(_ name: String, _ value: (AutoscalingTrial.Sample) -> Double) -> String {
        let samples = self.result.samples
        let columns = min(Self.width, samples.count)
        let peaks = (0..<columns).map { column in
            samples[(column * samples.count / columns)..<((column + 1) * samples.count / columns)].map(value).max() ?? 0
        }
        let highest = peaks.max() ?? 0
        let line = peaks.map { peak in
            Self.bars[highest == 0 ? 0 : Int((peak / highest * Double(Self.bars.count - 1)).rounded(.up))]
        }
        return "\(name)\(String(repeating: " ", count: 9 - name.count))\(String(line)) up to \(Self.number(highest))"
    }

    private var summary: String {
        let waits = self.result.waits
        return
            ([
                "load     \(Self.number(self.trace.messages)) messages in \(Self.time(self.trace.end))",
                "pods     \(Self.number(self.result.meanReplicas)) in the mean, up to \(self.result.peakReplicas); "
                    + "\(self.result.rescales.count) rescales, \(Self.number(self.result.rescalesPerHour)) an hour",
                "wait     p50 \(Self.number(waits.percentile(0.5))) s, p95 \(Self.number(waits.percentile(0.95))) s, "
                    + "p99 \(Self.number(waits.percentile(0.99))) s, at most \(Self.number(waits.percentile(1))) s; "
                    + "up to \(self.result.peakWaiting) messages at once",
            ] + self.result.verdict.map { "verdict  \($0)" }).joined(separator: "\n")
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value))" : AutoscalingTrial.Result.text(value)
    }

    private static func time(_ seconds: Double) -> String {
        let seconds = Int(seconds)
        return [seconds / 3_600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }
}
