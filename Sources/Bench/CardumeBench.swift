import ArgumentParser

@main
struct CardumeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cardume-bench",
        abstract: "Measures Cardume on this machine. Every figure comes with the baseline of the same run.",
        subcommands: [EmbeddedCommand.self, SpikeCommand.self]
    )
}
