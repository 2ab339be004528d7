import ArgumentParser
import CardumeCore
import CardumeRuntime
import Foundation
import Logging
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serves webhooks and the API, and answers.",
        discussion: """
            With redis.url and database.url it takes part in a cluster, else it keeps everything in data_folder.

            SIGTERM or SIGINT stops it in good order: nothing new begins, running turns and sends end within \
            shutdown_deadline, the rest stays in the log. A second signal ends it at once.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await Serving.run(.everything, self.options)
    }
}

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Answers: shares the queues of a cluster with other workers.",
        discussion: """
            Needs redis.url and database.url. `queues` (CARDUME_QUEUES) chooses the assistants whose queues it serves. On \
            http.port it answers /health, /metrics, /autoscaling/v1/pools and, with admin.token, /admin. Signals as with `run`: \
            what it owned goes to others at once.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await Serving.run(.worker, self.options)
    }
}

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway", abstract: "Takes webhooks and API calls into the queues of a cluster; answers none itself.",
        discussion: "Needs redis.url and database.url. Signals as with `run`.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await Serving.run(.gateway, self.options)
    }
}

private enum Serving {
    static func run(_ role: Server.Role, _ options: ConfigurationOptions) async throws {
        let configuration = try options.load(for: role == .gateway ? .logins : .everything)
        guard role == .everything || configuration.cluster != nil else {
            throw CommandFailure(
                "\(role.rawValue) needs a cluster: set redis.url (REDIS_URL) and database.url (DATABASE_URL)")
        }
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let format: LineLogHandler.Format =
            configuration.logFormat == .json || configuration.logFormat == .auto && !isTerminal ? .json : .text
        let level = Live(Logger.Level(rawValue: configuration.logLevel) ?? .info)
        let logger = Logger(label: "cardume") { LineLogHandler(label: $0, level: level, format: format) }
        let metrics = configuration.metrics.isEnabled ? MetricsRegistry() : nil
        metrics?.receiveFromLibraries()
        let server = try Server(
            role, configuration: configuration, logger: logger, format: format, logLevel: level, metrics: metrics)
        try await server.run(signals: [.sigterm, .sigint])
    }
}
