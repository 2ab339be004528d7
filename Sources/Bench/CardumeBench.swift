import ArgumentParser

@main
struct CardumeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cardume-bench",
        abstract: "Measures Cardume on this machine. Every figure comes with the baseline of the same run.",
        discussion: """
            `embedded` needs nothing else. The others start their own redis-server and PostgreSQL in temporary folders, and find \
            cardume-ceiling, cardume and cardume-loadtest beside this program.
            """,
        subcommands: [
            EmbeddedCommand.self, EngineCommand.self, GrowthCommand.self, AppendCommand.self, LatencyCommand.self,
            ConversationsCommand.self, PipelineCommand.self, IsolationCommand.self, AdaptiveCommand.self, DoorCommand.self,
            RecoveryCommand.self,
            RoutingCommand.self, IdleCommand.self, BudgetsCommand.self, PeersCommand.self, FaultsCommand.self,
            SimulateCommand.self, SizingCommand.self, CompareCommand.self, WorkerCommand.self, SandboxCommand.self,
        ]
    )
}
