import ArgumentParser
import Foundation

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Compares what two runs of one command have printed with --json.",
        discussion: """
            A figure counts as better or worse when not even the best run of the one reaches the worst of the other; --runs 3 or \
            more on both sides makes that mean something. Rates are better when higher; times, CPU and memory when lower; of \
            counts, shares and ratios only the change is told.
            """
    )

    @Argument(help: "The earlier report.")
    var before: String
    @Argument(help: "The later report.")
    var after: String
    @Option(help: "Fail when a figure is worse by more than this share, such as 0.05.")
    var maximumLoss: Double?

    func validate() throws {
        if let loss = self.maximumLoss, !(loss >= 0) { throw ValidationError("--maximum-loss must be at least 0") }
    }

    func run() throws {
        let comparison = try Comparison(try ReportFile(path: self.before), try ReportFile(path: self.after))
        for caution in comparison.cautions { print("caution: \(caution)") }
        print(comparison.text)
        guard let limit = self.maximumLoss else { return }
        let losses = comparison.lines.filter { $0.loss > limit }.map(\.name)
        if !losses.isEmpty { throw BenchFailure("worse than allowed: \(losses.joined(separator: ", "))") }
    }
}

extension Comparison {
    /// A line for each figure.
    var text: String {
        let rows =
            [["", "before", "after", "factor", ""]]
            + self.lines.map { line in
                [
                    line.name, line.before.map(line.unit.text) ?? "-", line.after.map(line.unit.text) ?? "-",
                    line.factor.map { Figure.Unit.ratio.text($0) } ?? "-", line.verdict.rawValue,
                ]
            }
        return TextTable.text(rows, leftAligned: [0, 4])
    }
}
