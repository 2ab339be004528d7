import ArgumentParser
import CardumeRuntime

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Shows which metrics there are.", subcommands: [List.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the tables of all metrics, as they stand in docs/metrics.md.")

        private struct Family: Encodable {
            let name: String
            let type: String
            let labels: [String]
            let help: String
        }

        @OptionGroup var output: JSONOption

        func run() throws {
            try self.output.show(
                MetricFamily.all.map { family in
                    Family(name: family.name, type: family.kind.rawValue, labels: family.labels, help: family.help)
                }, else: MetricFamily.table)
        }
    }
}
