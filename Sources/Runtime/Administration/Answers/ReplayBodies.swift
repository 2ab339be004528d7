import CardumeCore

/// The body of `POST /admin/replays`.
package struct ReplayRequest: Codable, Sendable {
    package let filter: FilterBody
    package var dry_run: Bool?
    /// Letters in a second.
    package var rate: Double?
    package var reset_retry_count: Bool?
    package var release: Bool?
    package var resend_in_doubt: Bool?
    package var reason: String?

    package init(filter: FilterBody) { self.filter = filter }
}

/// What a replay would do.
package struct ForecastBody: Codable, Sendable {
    /// Always true.
    package let dry_run: Bool
    package let count: Int
    package let conversations: Int
    package let held_conversations: Int
    package let replies_only: Int
    package let left_out_in_doubt: Int
    package let left_out_timers: Int
    /// Those of another replay that is not done.
    package let left_out_replaying: Int
    package let by_assistant: [String: Int]
    package let by_category: [String: Int]
    package let rate: Double
    /// At least.
    package let seconds: Double

    init(_ forecast: ReplayForecast, rate: Double) {
        self.dry_run = true
        self.count = forecast.count
        self.conversations = forecast.conversations
        self.held_conversations = forecast.heldConversations
        self.replies_only = forecast.repliesOnly
        self.left_out_in_doubt = forecast.inDoubt
        self.left_out_timers = forecast.timers
        self.left_out_replaying = forecast.replaying
        self.by_assistant = forecast.assistants
        self.by_category = forecast.categories
        self.rate = rate
        self.seconds = (Double(forecast.count) / rate * 10).rounded() / 10
    }
}

package struct ReplayBody: Codable, Sendable {
    package let id: Int64
    package let at: String
    package let by: String
    package let reason: String?
    package let filter: FilterBody
    package let rate: Double
    package let reset_retry_count: Bool
    package let release: Bool
    package let resend_in_doubt: Bool
    package let state: String
    package let finished_at: String?
    package let total: Int
    package let pending: Int
    package let under_way: Int
    package let answered: Int
    package let failed: Int
    package let skipped: Int
    package let gone: Int
    /// Letters of the filter that another replay has. Only in the answer to the request that began it.
    package let left_out_replaying: Int?

    init(_ job: ReplayJob, leftOut: Int? = nil) {
        self.id = job.id
        self.at = job.at.text
        self.by = job.who
        self.reason = job.reason
        self.filter = FilterBody(job.filter)
        self.rate = job.options.rate
        self.reset_retry_count = job.options.resetsRetryCount
        self.release = job.options.releasesConversations
        self.resend_in_doubt = job.options.resendsInDoubt
        self.state = job.state.rawValue
        self.finished_at = job.finishedAt?.text
        self.total = job.progress.total
        self.pending = job.progress.pending
        self.under_way = job.progress.underWay
        self.answered = job.progress.answered
        self.failed = job.progress.failed
        self.skipped = job.progress.skipped
        self.gone = job.progress.gone
        self.left_out_replaying = leftOut
    }
}

package struct ReplayListBody: Codable, Sendable {
    package let replays: [ReplayBody]
    package let next: Int64?
}
