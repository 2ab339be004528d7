/// What upkeep deletes or archives: a label of metrics, a word of reports.
package enum UpkeepKind: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    case conversations
    case turns
    case sends
    case lines
    case timers
    case deadLetters = "dead_letters"
    case rejectedWebhooks = "rejected_webhooks"
    case replays
    case audit
    case usage
    case settingChanges = "setting_changes"
    case restores
}

/// What a pass came to.
package struct UpkeepReport: Hashable, Sendable, Codable {
    package var isDryRun = false
    /// Whether everything was looked at; `false` when the time was over before.
    package var isComplete = true
    package var seconds = 0.0
    package var partitionsCreated: [String] = []
    package var partitionsDropped: [String] = []
    /// Rows, by kind, without those that are archived.
    package var deleted: [UpkeepKind: Int] = [:]
    /// Rows, by kind, that are in the archive and nowhere else.
    package var archived: [UpkeepKind: Int] = [:]
    /// Archive files finished.
    package var files: [String] = []
    /// Conversations that are due, and stay because the log may hold something of theirs.
    package var unsettled = 0
    /// Conversations that somebody has continued, or done something to, after they were written to the archive.
    package var awoken = 0
    /// What went wrong, by step.
    package var failures: [String: String] = [:]
    /// What an operator should know.
    package var notes: [String] = []

    package init() {}

    private enum CodingKeys: String, CodingKey {
        case isDryRun = "dry_run"
        case isComplete = "complete"
        case seconds
        case partitionsCreated = "partitions_created"
        case partitionsDropped = "partitions_dropped"
        case deleted, archived, files, unsettled, awoken, failures, notes
    }
}
