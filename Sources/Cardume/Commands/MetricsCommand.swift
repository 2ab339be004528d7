import ArgumentParser
import CardumeRuntime

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Shows which metrics there are.", subcommands: [List.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the tables of all metrics, as they stand in docs/metrics.md.")

        func run() throws {
            print(MetricFamily.table)
        }
    }
}
