import CardumeCore

extension ConfigurationKey {
    /// Slots: how they are shared between assistants, lanes and time.
    static let bulkheads: [ConfigurationKey] =
        [
            .init(
                "slots", .integer(0...100_000), default: "0", isLive: true,
                """
                Turns of all assistants together that run at once in one process, shared by weight when they are used up; 0 for no \
                bound but the assistants' own.
                """),
            .init(
                "lanes", .text, default: "",
                """
                The lanes whose queues this process serves, separated by commas; empty: all. `light` stands for the assistants' own \
                queues, with all lanes that have none of their own.
                """),
            .init(
                "assistants.*.weight", .integer(1...1_000), default: "1", isLive: true,
                "Share of the process' `slots` when they are used up."),
            .init(
                "assistants.*.floor", .integer(0...100_000), default: "0", isLive: true,
                "Of the process' `slots`, those that no other assistant may take."),
            .init(
                "assistants.*.adaptive", .flag, default: "true", isLive: true,
                "Whether the number of turns at once follows how quickly they end, up to `slots`."),
            .init(
                "assistants.*.adaptive_floor", .integer(1...100_000), default: "4", isLive: true,
                "The lowest number that adaptation comes down to, in each lane."),
            .init(
                "assistants.*.adaptive_start", .integer(0...100_000), default: "0", isLive: true,
                """
                The number that adaptation begins with, in each lane; 0 for the highest. Changed while the process runs, it counts \
                when adaptation is switched on again.
                """),
            .init(
                "assistants.*.lanes.*.slots", .integer(0...100_000), default: "0", isLive: true,
                "Turns of this lane (\(Lane.allCases.map(\.rawValue).joined(separator: ", "))) at once; 0 for all of the assistant's."
            ),
            .init(
                "assistants.*.lanes.*.floor", .integer(0...100_000), default: "0", isLive: true,
                "Of the assistant's slots, those that no other lane may take."),
            .init(
                "assistants.*.lanes.*.paused", .flag, default: "false", isLive: true,
                "Whether nothing new begins in this lane; its conversations wait."),
            .init(
                "assistants.*.lanes.*.separate", .flag, default: "false",
                """
                Whether the lane (\(Lane.separable.map(\.rawValue).joined(separator: ", "))) has a queue of its own, which other \
                processes may serve (`lanes`). The same in all processes.
                """),
            .init(
                "assistants.*.heavy.tool_calls", .integer(0...1_000), default: "5", isLive: true,
                "A conversation becomes heavy with more tool calls than this in its latest \(LaneRule.window) turns."),
            .init(
                "assistants.*.heavy.calm_tool_calls", .integer(0...1_000), default: "1", isLive: true,
                "It becomes light again with at most this many in its latest \(LaneRule.calm) turns."),
            .init(
                "assistants.*.heavy.tools", .text, default: "", isLive: true,
                "Tools, separated by commas, one call of which makes a conversation heavy."),
        ]
        + LoadLevel.allCases.map { level in
            let limit = ["30s", "20s", "15s", "10s"][LoadLevel.allCases.firstIndex(of: level) ?? 0]
            return .init(
                "time_limits.\(level.rawValue)", .duration(.milliseconds(100)...Duration.seconds(3600)), default: limit,
                isLive: true, "How long a turn may take while the load is \(level.rawValue).")
        }
}
