import CardumeLoad

/// A run on one page that needs nothing else: verdict, figures, charts, and how they were found.
struct HTMLReport: Sendable {
    private static let lineColumns = 300
    private static let heatColumns = 150

    let results: RunResults

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(escaped(self.title))</title>
        <style>
        \(ReportStyle.css)
        </style>
        </head>
        <body><main>
        \(self.head)
        \(self.cards)
        \(self.reasons)
        \(self.search)
        \(self.stepTable)
        \(self.charts)
        \(self.objectives)
        \(self.drift)
        \(self.cost)
        \(self.environment)
        \(Self.method)
        </main></body>
        </html>

        """
    }

    private var title: String { "Load test: \(self.results.mode)" }
    private var isWhole: Bool { self.results.segments == 0 && !self.results.isInterrupted }

    private var head: String {
        let outcome = self.results.verdict.outcome
        return """
            <header><div>
            <h1>\(escaped(self.title))</h1>
            <div class="soft">\(escaped(self.results.environment.target))</div>
            <div class="soft">\(escaped(self.results.startedAt)) to \(escaped(self.results.finishedAt))\
            \(self.isWhole ? "" : ", \(self.results.isInterrupted ? "interrupted" : "in \(self.results.segments + 1) parts")")</div>
            </div><div class="badge \(outcome.rawValue)">\(outcome.rawValue.capitalized)</div></header>
            """
    }

    private var cards: String {
        let steps = self.results.steps
        func sum(_ value: (StepRecord) -> Int) -> Int { steps.reduce(0) { $0 + value($1) } }
        var (reply, added) = (Percentiles(), Percentiles())
        for step in steps {
            reply.add(step.reply)
            added.add(step.added)
        }
        let intended = sum(\.intended)
        let errors = intended == 0 ? 0 : Double(sum(\.refused) + sum(\.failed)) / Double(intended)
        var cards = [
            (Numbers.grouped(Double(intended)), "messages, each sent at its time"),
            (Numbers.grouped(Double(self.results.conversations)), "conversations"),
        ]
        if let search = self.results.search {
            let limit = search.limit.map { "\(Numbers.short(($0 * 10).rounded() / 10))/s" } ?? "none"
            cards.append((limit, search.isCeiling ? "limit: at least, more was not allowed" : "limit"))
        } else {
            cards.append(("\(Numbers.short(steps.map(\.step.rate).max() ?? 0))/s", "highest rate"))
        }
        if added.count > 0 {
            cards.append((Numbers.time(added.milliseconds(at: 95) / 1_000), "added to the model's time, 95th percentile"))
        }
        if reply.count > 0 {
            cards.append((Numbers.time(reply.milliseconds(at: 95) / 1_000), "message to reply, 95th percentile"))
        }
        cards += [
            ("\(sum(\.lost)) / \(sum(\.reordered)) / \(sum(\.duplicates))", "lost / out of order / answered twice"),
            ("\(Numbers.fixed(errors * 100, 2)) %", "not accepted"),
        ]
        let html = cards.map { "<div class=\"card\"><b>\(escaped($0.0))</b><span>\(escaped($0.1))</span></div>" }
        return "<div class=\"cards\">\(html.joined())</div>"
    }

    private var reasons: String {
        let verdict = self.results.verdict
        guard !verdict.reasons.isEmpty else { return "" }
        let shown = verdict.reasons.prefix(12) + self.results.examples.prefix(8)
        let rest = verdict.reasons.count > 12 ? "<li>and \(verdict.reasons.count - 12) more</li>" : ""
        return """
            <section class="reasons \(verdict.outcome.rawValue)"><h2>Why it is not passed</h2>
            <ul>\(shown.map { "<li>\(escaped($0))</li>" }.joined())\(rest)</ul></section>
            """
    }

    // MARK: Charts

    private var charts: String {
        let lines = self.results.timeline.coarsened(to: Self.lineColumns)
        let duration = Double(lines.stretches.count) * lines.width
        let marks = self.results.steps.count > 1 ? self.results.steps.map { ($0.begin, $0.step.name) } : []
        let frame = ChartFrame(duration: duration, marks: marks)
        func series(_ name: String, _ value: (Timeline.Stretch) -> Double?) -> LineChart.Series {
            LineChart.Series(name: name, values: lines.stretches.map(value))
        }
        func chart(
            _ title: String, _ note: String, _ series: [LineChart.Series], _ text: @escaping @Sendable (Double) -> String
        ) -> String {
            let chart = LineChart(title: title, series: series, width: lines.width, text: text)
            return Self.section(title, note, chart.html(frame))
        }
        func rate(_ value: @escaping (Timeline.Stretch) -> Int) -> (Timeline.Stretch) -> Double? {
            { Double(value($0)) / lines.width }
        }
        func percentiles(_ bins: (Timeline.Stretch) -> LogBins) -> [LineChart.Series] {
            [99.0, 95, 50].map { percentile in
                series("\(Numbers.short(percentile))th percentile") { bins($0).seconds(at: percentile) }
            }
        }
        let perSecond: @Sendable (Double) -> String = { "\(Numbers.short($0))/s" }
        var charts = [
            chart(
                "Throughput", "Messages a second: what was to be sent, what the door took, what was answered.",
                [
                    series("intended", rate(\.intended)), series("accepted", rate(\.accepted)),
                    series("replied", rate(\.replied)),
                ],
                perSecond),
            chart(
                "Message to reply", "From the moment at which a message was to be sent until its reply was at the gateway.",
                percentiles(\.reply), Numbers.shortTime),
            self.heatMap(marks),
            chart(
                "Message to acceptance", "From the same moment until the door had made the message safe and said so.",
                percentiles(\.acceptance), Numbers.shortTime),
        ]
        if lines.stretches.contains(where: { $0.added.count > 0 }) {
            charts.insert(
                chart(
                    "Added to the model's time",
                    "Message to reply, less the model's time for the message and for those before it that it had to wait for.",
                    percentiles(\.added), Numbers.shortTime), at: 2)
        }
        if lines.stretches.contains(where: { $0.depth != nil }) {
            charts.append(
                chart(
                    "Queues", "Unsettled messages and running turns, as the target's /metrics tell.",
                    [series("unsettled messages", \.depth), series("turns", \.inFlight)], Numbers.grouped))
        }
        if lines.stretches.contains(where: { $0.refused + $0.failed > 0 }) {
            charts.append(
                chart(
                    "Errors", "Messages a second that were refused, or got no proper answer.",
                    [series("refused", rate(\.refused)), series("failed", rate(\.failed))], perSecond))
        }
        if lines.stretches.contains(where: { $0.memory != nil }) {
            charts.append(
                chart(
                    "Memory", "In physical pages, all processes of the runtime together.",
                    [series("resident") { $0.memory.map { $0 / 1_048_576 } }], { "\(Numbers.grouped($0)) MiB" }))
        }
        return charts.joined(separator: "\n")
    }

    private func heatMap(_ marks: [(Double, String)]) -> String {
        let timeline = self.results.timeline.coarsened(to: Self.heatColumns)
        let map = HeatMap(title: "Latency heat map", columns: timeline.stretches.map(\.reply), width: timeline.width)
        let frame = ChartFrame(
            height: 280, duration: Double(timeline.stretches.count) * timeline.width,
            marks: marks.map { (time: $0.0, label: $0.1) })
        return Self.section(
            "Every reply", "Message to reply: the darker, the more of a moment's messages took as long. Logarithmic.",
            map.html(frame))
    }

    static func section(_ title: String, _ note: String, _ content: String) -> String {
        let words = note.isEmpty ? "" : "<p class=\"note\">\(escaped(note))</p>"
        return "<section><h2>\(escaped(title))</h2>\(words)\(content)</section>"
    }

    private static let method = Self.section(
        "How it was measured", "",
        """
        <p class="note">Open loop: the times of all messages are drawn beforehand from a seed, and every latency counts from the time
        at which its message was to be sent, however late it was sent and however slow earlier ones were. So a target that stalls is not
        asked less, and its stalls are not left out (no coordinated omission). Percentiles come from HdrHistogram with three digits; those
        in charts from bins of 9 %.</p>
        <p class="note">Lost: accepted and never answered. Out of order: answered before an earlier message of the same
        conversation, earlier meaning that the door had accepted it before the later one was posted. Answered twice: one more reply to
        a message that has one.</p>
        """)
}
