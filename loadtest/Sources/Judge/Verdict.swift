import CardumeLoad

/// Whether a run reached its objectives, and which it missed.
struct Verdict: Sendable, Codable {
    enum Outcome: String, Sendable, Codable {
        case passed
        case failed
        /// The load was not what it should have been: what was measured proves nothing.
        case invalid

        /// Of the program.
        var status: Int32 {
            switch self {
            case .passed: 0
            case .failed: 1
            case .invalid: 3
            }
        }
    }

    struct Row: Sendable, Codable {
        /// `nil` for the whole run.
        let step: String?
        let measure: Objectives.Measure
        /// `nil` when it was not measured.
        let value: Double?
        let limit: Double
        let passed: Bool
    }

    let outcome: Outcome
    let rows: [Row]
    /// Why it is not passed, in sentences.
    let reasons: [String]

    /// - Parameters:
    ///   - latenessBound: seconds: 99 % of messages must leave no later than this after their time.
    ///   - drift: of the whole run; `nil` where nobody asks.
    ///   - strays: replies that answer nothing.
    init(_ steps: [StepRecord], _ objectives: Objectives, latenessBound: Double, drift: Drift? = nil, strays: Int = 0) {
        var rows: [Row] = []
        for step in steps where step.intended > 0 {
            for objective in objectives.all where !objective.measure.isOfRun {
                rows.append(Self.row(step.step.name, objective, step.value(of: objective.measure)))
            }
        }
        for objective in objectives.all where objective.measure.isOfRun {
            rows.append(Self.row(objective, objective.measure == .latencyDrift ? drift?.latency : drift?.memory))
        }
        var reasons = rows.filter { !$0.passed }.map(Self.reason)
        let late = steps.filter { $0.lateness.count > 0 && $0.lateness.milliseconds(at: 99) > latenessBound * 1_000 }
        let invalid = late.map { step in
            "\(step.step.name): the generator was late (p99 \(Numbers.time(step.lateness.milliseconds(at: 99) / 1_000)), "
                + "allowed \(Numbers.time(latenessBound))): the load was not as intended"
        }
        if steps.allSatisfy({ $0.intended == 0 }) { reasons.append("no message was sent") }
        // What was caught and belongs to nothing casts doubt on all that was.
        if strays > 0 { reasons.append("\(strays) replies answer no message of this run") }
        self.rows = rows
        self.outcome = invalid.isEmpty ? (reasons.isEmpty ? .passed : .failed) : .invalid
        self.reasons = invalid + reasons
    }

    private static func row(_ step: String, _ objective: Objectives.Objective, _ value: Double?) -> Row {
        Row(
            step: step, measure: objective.measure, value: value, limit: objective.limit,
            passed: value.map { $0 <= objective.limit } ?? false)
    }

    private static func row(_ objective: Objectives.Objective, _ test: DriftTest?) -> Row {
        Row(
            step: nil, measure: objective.measure, value: test?.growth, limit: objective.limit,
            passed: test.map { !$0.isDrift(beyond: objective.limit) } ?? false)
    }

    private static func reason(_ row: Row) -> String {
        let place = row.step.map { "\($0): " } ?? ""
        guard let value = row.value else { return "\(place)\(row.measure.rawValue) was not measured" }
        return "\(place)\(row.measure.rawValue) is \(row.measure.text(value)), allowed \(row.measure.text(row.limit))"
    }
}

extension StepRecord {
    /// `nil` when it was not measured.
    func value(of measure: Objectives.Measure) -> Double? {
        func seconds(_ percentiles: Percentiles, _ percentile: Double) -> Double? {
            percentiles.count == 0 ? nil : percentiles.milliseconds(at: percentile) / 1_000
        }
        return switch measure {
        case .acceptedP50: seconds(self.acceptance, 50)
        case .acceptedP95: seconds(self.acceptance, 95)
        case .acceptedP99: seconds(self.acceptance, 99)
        case .replyP50: seconds(self.reply, 50)
        case .replyP95: seconds(self.reply, 95)
        case .replyP99: seconds(self.reply, 99)
        case .addedP50: seconds(self.added, 50)
        case .addedP95: seconds(self.added, 95)
        case .addedP99: seconds(self.added, 99)
        case .errors: self.errors
        case .lost: Double(self.lost)
        case .reordered: Double(self.reordered)
        case .duplicates: Double(self.duplicates)
        case .withoutRetryAfter: Double(self.withoutRetryAfter)
        case .latencyDrift, .memoryDrift: nil
        }
    }
}
