import ArgumentParser

struct ChannelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels",
        abstract: "Prints what a target's configuration needs so that replies come back to the sink.",
        discussion: "The fake model listens beside it: `model.base_url` is the sink's URL with /v1.")

    @Argument(help: "URL of the sink as the target reaches it, such as http://loadtest:9090.") var sink: String
    @Option(help: "Assistants, by weight.") var assistants = WeightList(TrafficProfile().assistants)
    @Option(help: "What the names of Evolution instances begin with.") var instancePrefix = "carga-"

    func run() {
        let lines = ChannelLines(prefix: self.instancePrefix, assistants: Array(self.assistants.weights.keys))
        print(
            (["model: { base_url: \"\(self.sink)/v1\", keyless: true }"] + lines.configuration(sink: self.sink)).joined(
                separator: "\n"))
    }
}
