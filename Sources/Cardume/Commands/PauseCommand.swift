import ArgumentParser
import CardumeRuntime

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Keeps an assistant or a channel from beginning anything new.",
        discussion: """
            What runs ends; what comes waits in its order, uses up no attempt, and goes on by itself after `cardume resume`. A \
            paused channel sends nothing either. Short for `cardume tune set NAME.paused true`.
            """)

    @OptionGroup var admin: AdminOptions
    @Argument(help: "An assistant or a channel; `assistants.NAME` or `channels.NAME` where both have the name.")
    var name: String
    @Option(name: .customLong("for"), help: "For how long, such as 30m. Defaults to until it is resumed.")
    var lifetime: String?
    @Option(help: "Why; kept in the history.") var reason: String?

    func run() async throws {
        try await AdminOutput.set(self.name + ".paused", "true", lifetime: self.lifetime, reason: self.reason, self.admin)
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Ends a pause.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "As given to `cardume pause`.") var name: String
    @Option(help: "Why; kept in the history.") var reason: String?

    func run() async throws {
        let path = self.name + ".paused"
        let answer = try await self.admin.client().call("GET", "settings/\(HTTPAddress.segment(path))")
        let setting = try AdminOutput.decode(SettingBody.self, answer)
        // Paused by the configuration file: only an override can say otherwise.
        if setting.configured == "true" {
            try await AdminOutput.set(path, "false", lifetime: nil, reason: self.reason, self.admin)
        } else {
            try await AdminOutput.unset(path, reason: self.reason, self.admin)
        }
    }
}
