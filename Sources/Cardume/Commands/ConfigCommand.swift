import ArgumentParser
import CardumeRuntime

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks and shows the configuration.",
        subcommands: [Check.self, Print.self, Keys.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says whether the configuration is valid; names file, line and key of each mistake.")

        @OptionGroup var options: ConfigurationOptions

        func run() throws {
            let configuration = try self.options.load()
            print(
                "valid: \(configuration.assistants.count) assistants, \(configuration.channels.count) channels")
        }
    }

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows every key's effective value and where it comes from; secrets are masked.")

        @OptionGroup var options: ConfigurationOptions

        func run() throws {
            for value in try self.options.load().values.all {
                let text =
                    value.key.isSecret ? "********" : value.text.contains("\n") ? "\(value.text.prefix(60))…" : value.text
                print(
                    "\(value.path.joined(separator: ".")): \(text.split(separator: "\n").joined(separator: " "))  # \(value.source.rawValue)"
                )
            }
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the table of all keys, as it stands in docs/configuration.md.")

        func run() throws {
            print(ConfigurationKey.table)
        }
    }
}
