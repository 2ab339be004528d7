/// Two reports of one command, figure by figure.
struct Comparison: Sendable {
    enum Verdict: String, Sendable {
        case better
        case worse
        /// It is another value now; whether that is good depends on what it is.
        case changed
        /// Runs of both overlap: no difference was shown.
        case same
        /// Too few runs to tell a difference from chance.
        case unknown = "too few runs"
        /// Only one of the reports has it.
        case missing
    }

    struct Line: Sendable {
        let name: String
        let unit: Figure.Unit
        let before: Double?
        let after: Double?
        let verdict: Verdict

        /// How many times as much it is now; `nil` where that says nothing.
        var factor: Double? {
            guard let before = self.before, let after = self.after, before != 0 else { return nil }
            return after / before
        }

        /// The share that was lost: 0.1 for a rate that is 10 % lower or a time that is 10 % longer.
        var loss: Double {
            guard self.verdict == .worse else { return 0 }
            guard let factor = self.factor else { return .infinity }
            return abs(1 - factor)
        }
    }

    let lines: [Line]
    /// Why the two should not be compared, if there is a reason.
    let cautions: [String]

    /// - Throws: a ``BenchFailure`` when they are not of one command.
    init(_ before: ReportFile, _ after: ReportFile) throws {
        guard before.command == after.command else {
            throw BenchFailure("one report is of \(before.command), the other of \(after.command)")
        }
        var cautions: [String] = []
        if before.title != after.title { cautions.append("what was measured differs: \(before.title); \(after.title)") }
        if before.machine != after.machine { cautions.append("the machines differ: only ratios may be compared") }
        if abs(before.at.timeIntervalSince(after.at)) > 3_600 {
            cautions.append("they are not of the same hour: a machine's speed drifts, ratios do so less")
        }
        self.cautions = cautions
        let names = Set(before.units.keys).union(after.units.keys).sorted()
        self.lines = names.map { name in
            Line(
                name: name, unit: after.units[name] ?? before.units[name] ?? .count, before: before.figures[name],
                after: after.figures[name], verdict: Self.verdict(name, before, after))
        }
    }

    private static func verdict(_ name: String, _ before: ReportFile, _ after: ReportFile) -> Verdict {
        guard let old = before.figures[name], let new = after.figures[name] else { return .missing }
        guard let oldRange = before.range(of: name), let newRange = after.range(of: name) else {
            return old == new ? .same : .unknown
        }
        if oldRange.overlaps(newRange) { return .same }
        switch after.units[name]?.isMoreBetter {
        case true?: return new > old ? .better : .worse
        case false?: return new < old ? .better : .worse
        case nil: return .changed
        }
    }
}

extension Figure.Unit {
    /// `nil` where it depends on what is measured.
    fileprivate var isMoreBetter: Bool? {
        switch self {
        case .messagesPerSecond: true
        case .microseconds, .milliseconds, .seconds, .percentOfCore, .bytes: false
        case .percent, .count, .ratio, .share: nil
        }
    }
}
