import CardumeLoad

extension HTMLReport {
    var stepTable: String {
        var table = MarkupTable(
            [.init(title: "Step", isNumber: false)]
                + [
                    "Rate", "Messages", "Accepted p95", "Reply p50", "Reply p95", "Reply p99", "Added p95", "Errors", "Lost",
                    "Out of order", "Twice", "Late p99",
                ].map { .init(title: $0) })
        for record in self.results.steps where record.intended > 0 {
            func time(_ measure: Objectives.Measure) -> String {
                record.value(of: measure).map(Numbers.time) ?? "–"
            }
            table.rows.append([
                escaped(record.step.name), "\(Numbers.short(record.step.rate))/s", Numbers.grouped(Double(record.intended)),
                time(.acceptedP95), time(.replyP50), time(.replyP95), time(.replyP99), time(.addedP95),
                "\(Numbers.fixed(record.errors * 100, 2)) %", "\(record.lost)", "\(record.reordered)", "\(record.duplicates)",
                Numbers.time(record.lateness.milliseconds(at: 99) / 1_000),
            ])
        }
        return Self.section(
            "Steps",
            "Added is message to reply less the model's time, for the message and for those before it that it had to wait for. Late is how far behind its plan the generator was.",
            table.html)
    }

    /// Steps down, objectives across.
    var objectives: String {
        let rows = self.results.verdict.rows
        guard !rows.isEmpty else { return "" }
        let objectives = self.results.objectives.all
        var table = MarkupTable(
            [.init(title: "", isNumber: false)]
                + objectives.map { .init(title: "\($0.measure.rawValue) ≤ \($0.measure.text($0.limit))") })
        for (place, group) in Dictionary(grouping: rows.indices, by: { rows[$0].step }).sorted(by: { $0.value[0] < $1.value[0] }
        ) {
            let cells = objectives.map { objective in
                group.first { rows[$0].measure == objective.measure }.map { Self.cell(rows[$0]) } ?? ""
            }
            table.rows.append([escaped(place ?? "whole run")] + cells)
        }
        return Self.section("Objectives", "", table.html)
    }

    private static func cell(_ row: Verdict.Row) -> String {
        let text = row.value.map(row.measure.text) ?? "not measured"
        return row.passed ? "<span class=\"ok\">\(text)</span>" : "<span class=\"no\">\(text) ✗</span>"
    }

    var search: String {
        guard let search = self.results.search else { return "" }
        var table = MarkupTable([
            .init(title: "Attempt", isNumber: false), .init(title: "Rate"), .init(title: "Result", isNumber: false),
        ])
        for (number, trial) in search.trials.enumerated() {
            let kept = trial.outcome == .passed
            table.rows.append([
                "\(number + 1)", "\(Numbers.short((trial.rate * 10).rounded() / 10))/s",
                kept
                    ? "<span class=\"ok\">kept</span>"
                    : "<span class=\"no\">missed</span> \(escaped(trial.reasons.prefix(2).joined(separator: "; ")))",
            ])
        }
        let words =
            search.isCeiling
            ? "The highest rate that was allowed kept the objectives: the limit lies above it."
            : "The rate doubles until it is too much; then the gap is halved. Too much is what failed twice."
        return Self.section("Search for the limit", words, table.html)
    }

    var drift: String {
        guard let drift = self.results.drift else { return "" }
        var table = MarkupTable([
            .init(title: "Series", isNumber: false), .init(title: "Growth over the run"), .init(title: "Mann–Kendall z"),
            .init(title: "p"), .init(title: "Significant", isNumber: false),
        ])
        for (name, test) in [("message to reply, p95", drift.latency), ("memory", drift.memory)] {
            guard let test else {
                table.rows.append([name, "too short to say", "–", "–", "–"])
                continue
            }
            table.rows.append([
                name, "\(Numbers.fixed(test.growth * 100, 2)) %", Numbers.fixed(test.z, 2), Numbers.fixed(test.p, 4),
                test.p < DriftTest.significance ? "yes" : "no",
            ])
        }
        return Self.section(
            "Drift",
            "Growth is the Theil–Sen slope over the whole run as a share of the median, after the first fifth of each part. It counts when "
                + "it is above the objective and the Mann–Kendall test finds it with p < \(DriftTest.significance).", table.html
        )
    }

    var cost: String {
        guard let cost = self.results.cost, cost.messages > 0 else { return "" }
        let messages = Double(cost.messages)
        var table = MarkupTable([
            .init(title: "Part", isNumber: false), .init(title: "CPU per message"), .init(title: "Cores on average"),
            .init(title: "Memory"),
        ])
        let parts = [
            ("gateway", cost.gatewayCPU, cost.gatewayMemory), ("\(cost.workers) workers", cost.workerCPU, cost.workerMemory),
            ("Redis", cost.redisCPU, cost.redisMemory), ("PostgreSQL", cost.postgresCPU, nil),
        ]
        for (name, cpu, memory) in parts {
            table.rows.append([
                name, "\(Numbers.fixed(cpu / messages * 1e6, 0)) µs", Numbers.fixed(cpu / cost.seconds, 3),
                memory.map(Numbers.bytes) ?? "–",
            ])
        }
        let words =
            "Redis: \(Numbers.fixed(cost.redisCommands / messages, 1)) commands and "
            + "\(Numbers.fixed((cost.redisBytesIn + cost.redisBytesOut) / messages / 1_024, 1)) KiB a message over "
            + "\(Numbers.short(cost.redisConnections)) connections. PostgreSQL: \(Numbers.fixed(cost.commits / messages, 2)) commits "
            + "and \(Numbers.fixed(cost.walBytes / messages / 1_024, 1)) KiB of write-ahead log a message over "
            + "\(Numbers.short(cost.postgresConnections)) connections."
        return Self.section("What it cost", words, table.html)
    }

    var environment: String {
        let environment = self.results.environment
        let failures = self.results.failures.sorted { $0.value > $1.value }.map { "\($0.key): \($0.value)" }
        var rows: [(name: String, text: String)] = [
            ("Target", environment.target), ("Generator", "\(environment.machine), \(environment.processors) processors"),
            ("Memory", Numbers.bytes(environment.memory)), ("System", environment.system), ("Seed", "\(environment.seed)"),
        ]
        for (name, text) in environment.settings.sorted(by: { $0.key < $1.key }) { rows.append((name, text)) }
        if let fault = self.results.sabotage { rows.append(("Sabotage", "the sink was told to \(fault.rawValue) replies")) }
        if !failures.isEmpty { rows.append(("Not accepted", failures.prefix(8).joined(separator: ", "))) }
        if self.results.foreign > 0 { rows.append(("Replies of other runs", "\(self.results.foreign)")) }
        let list = rows.map { "<dt>\(escaped($0.name))</dt><dd>\(escaped($0.text))</dd>" }.joined()
        return Self.section(
            "Environment", "", "<dl>\(list)<dt>Command</dt><dd><code>\(escaped(environment.commandLine))</code></dd></dl>")
    }
}
