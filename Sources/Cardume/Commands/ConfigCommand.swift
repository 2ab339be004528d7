import ArgumentParser
import CardumeRuntime

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks and shows the configuration.",
        subcommands: [Check.self, Print.self, Keys.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says whether the configuration is valid; names file, line and key of each mistake.")

        private struct Answer: Encodable {
            let assistants: [String]
            let channels: [String]
        }

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: JSONOption

        func run() throws {
            let configuration = try self.options.load(for: .everything)
            try self.output.show(
                Answer(
                    assistants: configuration.assistants.map(\.assistant.id.rawValue),
                    channels: configuration.channels.map(\.id.rawValue)),
                else: "valid: \(configuration.assistants.count) assistants, \(configuration.channels.count) channels")
        }
    }

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows every key's effective value and where it comes from; secrets are masked.")

        private struct Line: Encodable {
            let path: String
            /// Missing for secrets.
            let value: String?
            let source: String
        }

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: JSONOption

        func run() throws {
            let values = try self.options.load().values.all
            try self.output.show(
                values.map { value in
                    Line(
                        path: value.path.joined(separator: "."), value: value.key.isSecret ? nil : value.text,
                        source: value.source.rawValue)
                },
                else: values.map { value in
                    let shown = value.text.contains("\n") ? "\(value.text.prefix(60))…" : value.text
                    let text = value.key.isSecret ? "********" : shown.split(separator: "\n").joined(separator: " ")
                    return "\(value.path.joined(separator: ".")): \(text)  # \(value.source.rawValue)"
                }.joined(separator: "\n"))
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the table of all keys, as it stands in docs/configuration.md.")

        private struct Key: Encodable {
            let path: String
            let allowed: String
            let `default`: String?
            let environment: String?
            let summary: String
            let secret: Bool
            let live: Bool
        }

        @OptionGroup var output: JSONOption

        func run() throws {
            try self.output.show(
                ConfigurationKey.all.map { key in
                    Key(
                        path: key.path, allowed: key.allowed, default: key.defaultValue, environment: key.environmentPattern,
                        summary: key.summary, secret: key.isSecret, live: key.isLive)
                }, else: ConfigurationKey.table)
        }
    }
}
