import ArgumentParser
import CardumeCore
import CardumeRuntime
import Foundation

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Shows live what a deployment does: queues, slots, gateways, latencies, errors.",
        discussion: """
            Asks one process, and the others of its cluster where they tell their addresses (http.advertise); or exactly those \
            of --url, given more than once. The token is admin.token (CARDUME_ADMIN_TOKEN); without one, what /metrics says is \
            shown. Keys: 1 to 6 and arrows for views, s for another order, p to pause, ? for help, q to quit.

            Where the output is no terminal, a frame is printed for each interval, without colours.
            """)

    @OptionGroup var configuration: ConfigurationOptions
    @Option(
        help:
            "A process of the deployment; may be repeated. Defaults to $CARDUME_ADMIN_URL, then to http.host and http.port of the configuration."
    )
    var url: [String] = []
    @Option(help: ArgumentHelp("Between two frames, 0.2 to 60.", valueName: "seconds")) var interval = 1.0
    @Flag(help: "Print one frame and end; status 1 when no process answered.") var once = false
    @Flag(help: "Print a JSON object for each interval, on a line of its own.") var json = false

    func validate() throws {
        guard (0.2...60).contains(self.interval) else { throw ValidationError("--interval must be 0.2 to 60 seconds") }
    }

    func run() async throws {
        let configuration = try self.configuration.load()
        let addresses = self.url.isEmpty ? [AdminOptions.standardURL(configuration)] : self.url
        let settings = TopScraper.Settings(
            addresses: addresses, token: configuration.http.adminToken ?? "", followsMembers: addresses.count == 1)
        let client = SharedHTTPClient()
        let run = TopRun(scraper: TopScraper(settings, client: client), interval: .seconds(self.interval))
        let hasAnswer: Bool
        if self.once || self.json || !Terminal.isThere {
            hasAnswer = await run.print(as: self.json ? .json : .text, isOnce: self.once)
        } else {
            await run.show()
            hasAnswer = true
        }
        try? await client.shutDown()
        if !hasAnswer { throw ExitCode.failure }
    }
}
