import CardumeRuntime

extension DeadLetterBody {
    static let header = ["ID", "AT", "ASSISTANT", "CONVERSATION", "CATEGORY", "STATE", "MESSAGE", "ERROR"]

    var row: [String] {
        [
            String(self.id), Table.time(self.at), self.assistant, self.conversation, self.category, self.state,
            self.text.map { Table.oneLine(String($0.prefix(30))) } ?? "[\(self.kind)]", Table.oneLine(self.error),
        ]
    }

    var description: String {
        """
        dead letter \(self.id) (\(self.state)), \(self.category), of \(self.assistant)
          conversation  \(self.conversation)
          message       \(self.message_id), \(self.kind), received \(Table.time(self.received_at))
          text          \(self.text ?? "(none)")
          given up      \(Table.time(self.at)) after \(self.attempts) attempts, replayed \(self.replays) times
          error         \(self.error)
          fingerprint   \(self.fingerprint)
          trace         \(self.trace_id)
        """
    }
}

extension DeadLetterListBody {
    var description: String {
        if self.dead_letters.isEmpty { return "no dead letters" }
        let table = Table.text(DeadLetterBody.header, self.dead_letters.map(\.row))
        return self.next.map { "\(table)\nmore with --before \($0)" } ?? table
    }
}

extension DeadLetterCountsBody {
    var description: String {
        var lines = ["\(self.total) dead letters of \(self.conversations) conversations, \(self.replaying) on their way back"]
        for (name, counts) in [
            ("category", self.by_category), ("assistant", self.by_assistant), ("kind", self.by_kind),
            ("channel", self.by_channel),
        ] where !counts.isEmpty {
            lines.append("")
            lines.append(Table.counts(name, counts))
        }
        return lines.joined(separator: "\n")
    }
}

extension DeadLetterAnalysisBody {
    var description: String {
        var blocks = ["\(self.total) dead letters of \(self.conversations) conversations"]
        if self.total > 0 {
            let rows = self.top_errors.map { error in
                [
                    String(error.count), String(error.conversations), Table.time(error.first_at), Table.time(error.last_at),
                    String(error.example_id), error.fingerprint,
                ]
            }
            blocks.append(Table.text(["COUNT", "CONVERSATIONS", "FIRST", "LAST", "EXAMPLE", "ERROR"], rows))
            blocks.append(Table.counts("category", self.by_category))
            blocks.append(Table.counts("assistant", self.by_assistant))
            blocks.append(
                Table.text(["HOUR", "COUNT"], self.by_hour.map { [String(Table.time($0.at).prefix(13)), String($0.count)] }))
        }
        blocks.append(self.recommendations.map { "- \($0)" }.joined(separator: "\n"))
        return blocks.joined(separator: "\n\n")
    }
}

extension ForecastBody {
    var description: String {
        var lines = [
            "would replay \(self.count) letters of \(self.conversations) conversations, "
                + "at \(self.rate)/s: \(Table.duration(self.seconds)) at least"
        ]
        if self.replies_only > 0 { lines.append("  \(self.replies_only) were answered: only their lost replies are sent") }
        if self.held_conversations > 0 {
            lines.append("  \(self.held_conversations) conversations are held; --release sets them going afterwards")
        }
        if self.left_out_in_doubt > 0 {
            lines.append("  left out: \(self.left_out_in_doubt) whose replies may have been sent; see --resend-in-doubt")
        }
        if self.left_out_timers > 0 { lines.append("  left out: \(self.left_out_timers) of timers, whose moment has passed") }
        if self.left_out_replaying > 0 { lines.append("  left out: \(self.left_out_replaying) that another replay has") }
        if !self.by_assistant.isEmpty { lines.append(Table.counts("assistant", self.by_assistant)) }
        return lines.joined(separator: "\n")
    }
}

extension ReplayBody {
    /// That it has begun.
    var beginning: String {
        let others = self.left_out_replaying.map { $0 > 0 ? "; \($0) more are left out, which another replay has" : "" } ?? ""
        return "replay \(self.id): \(self.total) letters at \(self.rate)/s\(others); "
            + "cardume dlq replays \(self.id) shows how far it is"
    }

    static func table(_ replays: [ReplayBody]) -> String {
        if replays.isEmpty { return "no replays" }
        let rows = replays.map { replay in
            [
                String(replay.id), Table.time(replay.at), replay.by, replay.state, "\(replay.rate)/s", String(replay.total),
                String(replay.pending), String(replay.under_way), String(replay.answered), String(replay.failed),
                String(replay.skipped),
            ]
        }
        return Table.text(
            ["ID", "BEGUN", "BY", "STATE", "RATE", "LETTERS", "PENDING", "UNDER WAY", "ANSWERED", "FAILED", "SKIPPED"], rows)
    }
}

extension Table {
    /// A column of names and one of counts, the highest first.
    static func counts(_ name: String, _ counts: [String: Int]) -> String {
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return Self.text([name.uppercased(), "COUNT"], sorted.map { [$0.key, String($0.value)] })
    }

    /// `850ms`, `12s`, `5m 3s`, `2h 10m`, `3d 4h`.
    static func duration(_ seconds: Double) -> String {
        if seconds < 1 { return "\(Int(seconds * 1_000))ms" }
        let whole = Int(seconds)
        if whole < 60 { return "\(whole)s" }
        if whole < 3_600 { return "\(whole / 60)m \(whole % 60)s" }
        if whole < 86_400 { return "\(whole / 3_600)h \(whole % 3_600 / 60)m" }
        return "\(whole / 86_400)d \(whole % 86_400 / 3_600)h"
    }
}
