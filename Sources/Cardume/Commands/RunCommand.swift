import ArgumentParser
import CardumeRuntime
import Foundation
import Logging
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serves webhooks and the API, and answers.",
        discussion: """
            SIGTERM or SIGINT stops it in good order: nothing new begins, running turns and sends end within \
            shutdown_deadline, the rest stays in the log. A second signal ends it at once.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let configuration = try self.options.load()
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let format: LineLogHandler.Format =
            configuration.logFormat == .json || configuration.logFormat == .auto && !isTerminal ? .json : .text
        let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
        let logger = Logger(label: "cardume") { LineLogHandler(label: $0, level: level, format: format) }
        let server = try Server(configuration: configuration, logger: logger, format: format)
        try await server.run(signals: [.sigterm, .sigint])
    }
}
