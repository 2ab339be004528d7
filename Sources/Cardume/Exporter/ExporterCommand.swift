import ArgumentParser
import CardumeCore
import CardumeRuntime
import Foundation
import Logging

struct ExporterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exporter", abstract: "Tells autoscalers how much work a cluster has, whether workers live or not.",
        discussion: """
            Needs redis.url and database.url, and the assistants and pools of the workers' configuration. On http.port it \
            answers /autoscaling/v1/pools, /metrics and /health. It takes no messages and answers none.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let configuration = try self.options.load()
        guard let cluster = configuration.cluster else {
            throw CommandFailure(
                """
                exporter needs a cluster: set redis.url (REDIS_URL) and database.url (DATABASE_URL)
                one process that keeps everything in data_folder tells the same at its own /autoscaling/v1/pools
                """)
        }
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let format: LineLogHandler.Format =
            configuration.logFormat == .json || configuration.logFormat == .auto && !isTerminal ? .json : .text
        let level = Live(Logger.Level(rawValue: configuration.logLevel) ?? .info)
        let logger = Logger(label: "cardume") { LineLogHandler(label: $0, level: level, format: format) }
        try await Exporter(cluster, configuration, logger: logger, logLevel: level).run(signals: [.sigterm, .sigint])
    }
}
