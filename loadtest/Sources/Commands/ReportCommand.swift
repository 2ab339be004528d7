import ArgumentParser
import CardumeLoad
import Foundation

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Writes the reports of results once more, and says the verdict.")

    @Argument(help: "A `results.json`.") var results: String
    @Option(help: "Folder to write to.") var output = "."

    func run() throws {
        let results = try RunResults.read(self.results)
        try ResultsFolder(self.output).write(results)
        print(TextReport(results: results).text)
        guard results.verdict.outcome == .passed else { throw ExitCode(results.verdict.outcome.status) }
    }
}
