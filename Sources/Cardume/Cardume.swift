import ArgumentParser
import CardumeRuntime
import Foundation

@main
struct Cardume: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "cardume",
        abstract: "A worker runtime for WhatsApp assistants: webhooks in, replies out, in order, nothing lost.",
        version: Self.version,
        subcommands: [
            RunCommand.self, WorkerCommand.self, GatewayCommand.self, ExporterCommand.self, MigrateCommand.self,
            MaintainCommand.self, ArchiveCommand.self,
            ConfigCommand.self, MetricsCommand.self, AutoscaleCommand.self, TuneCommand.self, PauseCommand.self,
            ResumeCommand.self, ExplainCommand.self, TopCommand.self, QueueCommand.self, DeadLetterCommand.self,
            ConversationCommand.self,
            ReportCommand.self, AdminCommand.self, SandboxCommand.self, DemoCommand.self,
        ]
    )

    static func main() async {
        do {
            var command = try Self.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Self.fail(failure.message)
        } catch let problems as ConfigurationProblems {
            Self.fail(problems.description)
        } catch {
            Self.exit(withError: error)
        }
    }

    private static func fail(_ message: String) -> Never {
        for line in message.split(separator: "\n") {
            FileHandle.standardError.write(Data("cardume: \(line)\n".utf8))
        }
        Foundation.exit(1)
    }
}

/// Why a command cannot go on, in one line for the person who called it.
struct CommandFailure: Error {
    let message: String

    init(_ message: String) { self.message = message }
}

/// The configuration file, as all commands take it.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: "The configuration file. Defaults to $CARDUME_CONFIG, then to cardume.yaml if there is one.")
    var config: String?

    /// - Parameter use: what the command does with it; by default nothing that needs secrets.
    func load(for use: ConfigurationUse = []) throws -> CardumeConfiguration {
        let environment = ProcessInfo.processInfo.environment
        let standard = FileManager.default.fileExists(atPath: "cardume.yaml") ? "cardume.yaml" : nil
        return try CardumeConfiguration.load(
            path: self.config ?? environment["CARDUME_CONFIG"] ?? standard, environment: environment, for: use)
    }
}
