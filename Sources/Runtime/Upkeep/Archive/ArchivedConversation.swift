package import CardumeCore

/// A conversation as it stands in an archive file: one line of JSON. Names and meanings are those of `docs/data-upkeep.md`; what
/// is missing was NULL.
///
/// Rows come back as they were, but for the numbers of timers, which mean nothing.
package struct ArchivedConversation: Hashable, Sendable, Codable {
    package struct Line: Hashable, Sendable, Codable {
        var id: Int64
        var at: WrittenTime
        var role: String
        var message_id: String?
        var kind: String?
        /// As the provider said it.
        var sent_at: Int64?
        var text: String
    }

    package struct Turn: Hashable, Sendable, Codable {
        var turn: String
        var assistant: String
        var attempt: Int64
        var started_at: WrittenTime
        var finished_at: WrittenTime
        var model: String?
        var prompt_tokens: Int64?
        var completion_tokens: Int64?
        var transfer_to: String?
        var merged_into: String?
    }

    package struct Send: Hashable, Sendable, Codable {
        var turn: String
        var part: Int64
        var reply_address: String
        var text: String
        var trace_id: String
        var state: String
        var attempts: Int64
        var attempted_at: WrittenTime?
        var ambiguous_attempts: Int64
        var resends: Int64
        var provider_id: String?
        var last_error: String?
        var server: String?
    }

    package struct Timer: Hashable, Sendable, Codable {
        var assistant: String
        var rule: String
        var outcome: String
        var due_at: WrittenTime
        var at: WrittenTime
    }

    /// What PostgreSQL has of the conversation itself.
    package struct Summary: Hashable, Sendable, Codable {
        var assistant: String
        var turns: Int64
        var first_at: WrittenTime
    }

    package var conversation: String
    /// The end of its latest turn.
    package var latest_at: WrittenTime
    var summary: Summary?
    /// When it was closed last (PostgreSQL), or after which line (SQLite).
    var closed_at: WrittenTime?
    var closed_after: Int64?
    var efforts: String?
    package var lines: [Line] = []
    package var turns: [Turn] = []
    package var sends: [Send] = []
    package var timers: [Timer] = []

    package var counts: ArchiveCounts {
        ArchiveCounts(lines: self.lines.count, turns: self.turns.count, sends: self.sends.count, timers: self.timers.count)
    }
}

/// Rows, by kind.
package struct ArchiveCounts: Hashable, Sendable, Codable {
    package var lines = 0
    package var turns = 0
    package var sends = 0
    package var timers = 0

    package init(lines: Int = 0, turns: Int = 0, sends: Int = 0, timers: Int = 0) {
        self.lines = lines
        self.turns = turns
        self.sends = sends
        self.timers = timers
    }

    package static func += (left: inout Self, right: Self) {
        left.lines += right.lines
        left.turns += right.turns
        left.sends += right.sends
        left.timers += right.timers
    }
}
