import ArgumentParser
import CardumeCore

struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Runs the shapes of load that other projects publish figures for.",
        discussion: """
            Appending: percentiles are of one call. Working a backlog: the time after which 50, 95 and 99 % of it were done. \
            redis-server and PostgreSQL persist what they are told (appendfsync everysec, fsync on), here as in all commands.

            Beside each figure stand the published ones with their hardware and source. They are other machines' figures, mostly \
            with more and faster cores, and other work for each message: read what is said of each before comparing.
            """)

    @Argument(help: "Names of the scenarios, such as sidekiqload; all when none is named.")
    var scenarios: [String] = []
    @Option(help: "Share of the messages to run with, such as 0.1 for a quick look.")
    var scale = 1.0
    @OptionGroup var options: RunOptions

    func validate() throws {
        guard self.scale > 0, self.scale <= 1 else { throw ValidationError("--scale must be above 0 and at most 1") }
        let known = PeerScenario.all.map(\.name)
        for name in self.scenarios where !known.contains(name) {
            throw ValidationError("there is no scenario \(name), but \(known.joined(separator: ", "))")
        }
    }

    func run() async throws {
        let chosen = PeerScenario.all.filter { self.scenarios.isEmpty || self.scenarios.contains($0.name) }
            .map { $0.scaled(by: self.scale) }
        let servers = try await BenchServers.start(database: chosen.contains { $0.needsDatabase })
        let trial = PeerTrial(servers: servers, ceiling: try Ceiling(servers))
        _ = try await self.options.report("peers", "peers' scenarios at \(self.scale) of their size") { run, progress in
            var figures: [Figure] = []
            for (step, scenario) in chosen.enumerated() {
                progress.show("run \(run + 1) of \(self.options.runs): \(scenario.name)", step, of: chosen.count)
                figures += try await trial.run(scenario)
            }
            return figures
        }
        if !self.options.json { print("\nPublished by others:\n\(Self.published(chosen))") }
    }

    static func published(_ scenarios: [PeerScenario]) -> String {
        scenarios.map { scenario in
            let figures = scenario.published.map { published in
                "    \(published.what): \(Figure.Unit.messagesPerSecond.text(published.perSecond)) "
                    + "(\(published.hardware); \(published.source))"
            }
            return (["  \(scenario.label)"] + figures + ["    caution: \(scenario.caution)"]).joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
