import Foundation

/// What several runs of one command gave: medians, for people and for programs.
struct Report: Sendable {
    let command: String
    let title: String
    /// The same figures in every run, in the same order.
    let runs: [[Figure]]

    func values(_ name: String) -> [Double] {
        self.runs.flatMap { $0.filter { $0.name == name }.map(\.value) }.sorted()
    }

    func median(_ name: String) -> Double {
        let values = self.values(name)
        precondition(!values.isEmpty, "\(self.command) measured no \(name)")
        return values[values.count / 2]
    }

    func text() -> String {
        let figures = self.runs[0]
        let width = (figures.map(\.label.count).max() ?? 0) + 3
        let lines = figures.map { figure in
            let values = self.values(figure.name)
            var line = "  \(figure.label)".padding(toLength: width + 2, withPad: " ", startingAt: 0)
            line += figure.text(self.median(figure.name))
            if let least = values.first, let most = values.last, least != most {
                line += "   (\(figure.text(least)) to \(figure.text(most)))"
            }
            return line
        }
        return ([self.heading, ""] + lines).joined(separator: "\n")
    }

    /// With what the figures below it are.
    var heading: String {
        let count = self.runs.count == 1 ? "one run" : "medians of \(self.runs.count) runs, with least and most"
        return "\(self.title) (\(count))"
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(ReportFile(self, on: .current, at: Date())), as: UTF8.self)
    }

    /// - Throws: a ``BenchFailure`` when there is such an expectation and the median does not meet it.
    func require(_ name: String, atLeast minimum: Double?) throws {
        guard let minimum, self.median(name) < minimum else { return }
        throw BenchFailure("\(name) \(self.median(name)) is below \(minimum)")
    }

    func require(_ name: String, atMost maximum: Double?) throws {
        guard let maximum, self.median(name) > maximum else { return }
        throw BenchFailure("\(name) \(self.median(name)) is above \(maximum)")
    }
}
