import CardumeLoad

/// A run's figures in Prometheus' text format, for a push gateway or a textfile collector.
struct PrometheusResults: Sendable {
    private var lines: [String] = []

    init(_ results: RunResults) {
        let mode = "mode=\"\(results.mode)\""
        self.family("outcome", "gauge", "1 for the run's outcome, 0 for the others.")
        for outcome in [Verdict.Outcome.passed, .failed, .invalid] {
            self.sample("outcome", "\(mode),outcome=\"\(outcome.rawValue)\"", results.verdict.outcome == outcome ? 1 : 0)
        }
        let steps = results.steps.map { (labels: "\(mode),step=\"\(Self.escaped($0.step.name))\"", record: $0) }
        func counts(_ name: String, _ help: String, _ value: (StepRecord) -> Double) {
            self.family(name, "gauge", help)
            for step in steps { self.sample(name, step.labels, value(step.record)) }
        }
        counts("step_rate", "Messages per second that were intended.") { $0.step.rate }
        counts("messages_intended", "Messages sent, each at its time.") { Double($0.intended) }
        counts("messages_accepted", "Messages that the door has taken.") { Double($0.accepted) }
        counts("messages_refused", "Messages that were told to come back later.") { Double($0.refused) }
        counts("messages_failed", "Messages that were neither taken nor refused.") { Double($0.failed) }
        counts("messages_replied", "Messages that were answered.") { Double($0.replied) }
        counts("messages_lost", "Messages taken and never answered.") { Double($0.lost) }
        counts("messages_reordered", "Replies before those to earlier messages of their conversation.") { Double($0.reordered) }
        counts("messages_duplicated", "Replies beyond the first to a message.") { Double($0.duplicates) }
        counts("refusals_without_retry_after", "Refusals that did not say when to come back.") { Double($0.withoutRetryAfter) }
        func summary(_ name: String, _ help: String, _ percentiles: (StepRecord) -> Percentiles) {
            self.family(name, "summary", help)
            for step in steps where percentiles(step.record).count > 0 {
                let values = percentiles(step.record)
                for quantile in [0.5, 0.9, 0.95, 0.99, 1] {
                    self.sample(
                        name, "\(step.labels),quantile=\"\(quantile)\"", values.milliseconds(at: quantile * 100) / 1_000)
                }
                self.sample("\(name)_count", step.labels, Double(values.count))
            }
        }
        summary("accepted_seconds", "From a message's intended time until the door has taken it.") { $0.acceptance }
        summary("reply_seconds", "From a message's intended time until its reply has reached the gateway.") { $0.reply }
        summary("added_seconds", "The same less what the model took.") { $0.added }
        summary("generator_lateness_seconds", "How much later than intended messages were sent.") { $0.lateness }
        if let limit = results.search?.limit {
            self.family("limit_rate", "gauge", "Highest rate that kept the objectives, in messages per second.")
            self.sample("limit_rate", mode, limit)
        }
    }

    var text: String { self.lines.joined(separator: "\n") + "\n" }

    private mutating func family(_ name: String, _ type: String, _ help: String) {
        self.lines += ["# HELP cardume_loadtest_\(name) \(help)", "# TYPE cardume_loadtest_\(name) \(type)"]
    }

    private mutating func sample(_ name: String, _ labels: String, _ value: Double) {
        self.lines.append("cardume_loadtest_\(name){\(labels)} \(value)")
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
