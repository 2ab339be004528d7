import ArgumentParser
import CardumeCore

struct IsolationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "isolation",
        abstract: "What one assistant notices of another one's trouble.",
        discussion: """
            `cardume run` with Redis and PostgreSQL and two assistants, each with a WhatsApp number, a fake model and a fake \
            gateway of its own. suporte gets --rate webhooks per second at their intended times over 200 conversations, and \
            its model takes 0.5 s. financeiro, in a deployment made anew for each,

              alone      gets nothing;
              hung       gets as much as suporte, and its model does not answer for an hour;
              crashing   gets as much as suporte, and its model answers every call with an error;
              flooded    has 4 slots and a model of 1 s, and gets 400 webhooks per second, 100 times what it can answer. \
            Each is posted once, whatever the answer.

            Of suporte: replies per second at its gateway, and the time from the intended webhook to the arrival of the \
            reply there, both from 5 s after the load's begin to its end; what has not arrived 10 s after that counts as \
            taking until then. A lost, repeated or misplaced reply of suporte makes the command fail, and so does a \
            financeiro that is not in trouble.

            --without-bulkheads is the negative control: one total of 64 slots, all of which either assistant may take. \
            suporte needs 25 of them. A financeiro that hangs must ruin it, and the command must fail.
            """)

    @Option(help: "Messages per second to suporte.")
    var rate = 50.0
    @Option(help: "Seconds that are measured, in each of the four.")
    var seconds = 30
    @Flag(help: "One total for both assistants instead of slots of their own.")
    var withoutBulkheads = false
    @Option(help: "Fail when suporte's median throughput is more than this many percent below its own alone.")
    var maximumSlowdown = 5.0
    @Option(help: "Fail when suporte's median p99 is more than this many percent above its own alone.")
    var maximumP99Growth = 20.0
    @OptionGroup var options: RunOptions

    private static let table = FigureTable(
        rows: IsolationRun.Trouble.allCases.map { ($0.rawValue, $0.rawValue) },
        columns: [
            ("per_second", "suporte"), ("throughput_ratio", "to alone"), ("p50_milliseconds", "p50"),
            ("p99_milliseconds", "p99"),
            ("p99_ratio", "to alone"), ("unanswered", "unanswered"), ("other_per_second", "financeiro"),
        ])

    func validate() throws {
        guard self.rate > 0, self.seconds > 0, self.maximumSlowdown >= 0, self.maximumP99Growth >= 0 else {
            throw ValidationError("--rate and --seconds must be more than 0, percentages at least 0")
        }
    }

    func run() async throws {
        let bulkheads = self.withoutBulkheads ? "one total of 64 slots" : "slots of their own"
        let title =
            "isolation: suporte at \(self.rate) messages/s for \(self.seconds) s beside financeiro, both with \(bulkheads)"
        let report = try await self.options.report("isolation", title, table: Self.table) { run, progress in
            try await self.measure(run, progress)
        }
        var failures: [String] = []
        for trouble in IsolationRun.Trouble.allCases where trouble != .alone {
            let (throughput, p99) = (report.median("\(trouble)_throughput_ratio"), report.median("\(trouble)_p99_ratio"))
            if throughput < 1 - self.maximumSlowdown / 100 { failures.append("\(trouble): throughput \(throughput) of alone") }
            if p99 > 1 + self.maximumP99Growth / 100 { failures.append("\(trouble): p99 \(p99) of alone") }
        }
        for trouble in IsolationRun.Trouble.allCases where (report.values("\(trouble)_unanswered").last ?? 0) > 0 {
            failures.append("\(trouble): messages of suporte were not answered")
        }
        guard failures.isEmpty else { throw BenchFailure(failures.joined(separator: "; ")) }
    }

    private func measure(_ number: Int, _ progress: ProgressBar) async throws -> [Figure] {
        var results: [IsolationRun.Trouble: IsolationRun.Result] = [:]
        // In both orders: what else the machine does changes while this runs.
        let order = IsolationRun.Trouble.allCases
        for trouble in number.isMultiple(of: 2) ? order : order.reversed() {
            let run = IsolationRun(
                trouble: trouble, rate: self.rate, seconds: self.seconds, hasBulkheads: !self.withoutBulkheads)
            results[trouble] = try await run.measure(progress)
        }
        return order.flatMap { trouble in results[trouble]?.figures(trouble, alone: results[.alone]) ?? [] }
    }
}

extension IsolationRun.Result {
    fileprivate func figures(_ trouble: IsolationRun.Trouble, alone: IsolationRun.Result?) -> [Figure] {
        let figures = [
            Figure("\(trouble)_per_second", "\(trouble), suporte", self.perSecond, .messagesPerSecond),
            Figure("\(trouble)_p50_milliseconds", "\(trouble), p50", self.p50, .milliseconds),
            Figure("\(trouble)_p99_milliseconds", "\(trouble), p99", self.p99, .milliseconds),
            Figure("\(trouble)_unanswered", "\(trouble), unanswered", self.unanswered),
            Figure("\(trouble)_other_per_second", "\(trouble), financeiro", self.otherPerSecond, .messagesPerSecond),
        ]
        guard trouble != .alone, let alone else { return figures }
        return figures + [
            Figure("\(trouble)_throughput_ratio", "\(trouble), throughput to alone", self.perSecond / alone.perSecond, .ratio),
            Figure("\(trouble)_p99_ratio", "\(trouble), p99 to alone", self.p99 / alone.p99, .ratio),
        ]
    }
}
