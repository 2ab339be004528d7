import CardumeTrials
import Foundation

/// Results of faults, as they come.
struct FaultTable: Sendable {
    private struct Row: Sendable {
        let fault: Fault
        let seed: UInt64
        let result: Fault.Result
    }

    private var rows: [Row] = []

    mutating func add(_ fault: Fault, seed: UInt64, _ result: Fault.Result) {
        self.rows.append(Row(fault: fault, seed: seed, result: result))
    }

    /// Of those that were not survived, with their seeds.
    var failures: [String] {
        self.rows.compactMap { row in
            if case .failed = row.result { "\(row.fault.name) (seed \(row.seed))" } else { nil }
        }
    }

    var lastLine: String {
        guard let row = self.rows.last else { return "" }
        return switch row.result {
        case .passed(let outcome): "passed    \(row.fault.name): \(outcome.description)"
        case .failed(let violations, let outcome):
            "FAILED    \(row.fault.name), seed \(row.seed): \(violations.joined(separator: "; "))"
                + (outcome.map { "\n          \($0.description)" } ?? "")
        case .notHere(let reason): "not here  \(row.fault.name): \(reason)"
        }
    }

    var summary: String {
        let counts = self.rows.reduce(into: (passed: 0, failed: 0, notHere: 0)) { counts, row in
            switch row.result {
            case .passed: counts.passed += 1
            case .failed: counts.failed += 1
            case .notHere: counts.notHere += 1
            }
        }
        return "\(counts.passed) passed, \(counts.failed) failed, \(counts.notHere) not run here"
    }

    /// - Parameter isWhole: whether all faults were asked for; then those that others look at follow.
    func markdown(at date: Date, on machine: Machine, isWhole: Bool) -> String {
        var lines = [
            "\(self.summary). \(date.formatted(.iso8601.year().month().day())), \(machine.cores) cores, \(machine.processor).",
            "",
            "| Fault | What is done | Expected | Result |", "|---|---|---|---|",
        ]
        for row in self.rows {
            let result =
                switch row.result {
                case .passed(let outcome): "passed; \(outcome.short)"
                case .failed(let violations, _): "**failed** (seed \(row.seed)): \(violations.joined(separator: "; "))"
                case .notHere(let reason): "not run here: \(reason)"
                }
            lines.append("| `\(row.fault.name)` | \(row.fault.injection) | \(row.fault.expectation) | \(result) |")
        }
        if isWhole { for (fault, place) in FaultMatrix.elsewhere { lines.append("| – | \(fault) | | not here: \(place) |") } }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension FaultOutcome {
    fileprivate var short: String {
        let evidence = self.scene.evidence.isEmpty ? "" : " (\(self.scene.evidence.joined(separator: "; ")))"
        return "progress after \(self.recovery.rounded), \(self.answered) answered, \(self.doubts) in doubt, "
            + "\(self.repeats) twice, \(self.lost) lost by a server\(evidence)"
    }
}
