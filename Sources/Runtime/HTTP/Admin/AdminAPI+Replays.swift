import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// Dead letters on their way back; see ``ReplayRunner``.
extension AdminAPI {
    /// The body of `POST /admin/replays`.
    private struct Wanted: Decodable {
        let filter: FilterBody
        let dry_run: Bool?
        /// Letters in a second.
        let rate: Double?
        let reset_retry_count: Bool?
        let release: Bool?
        let resend_in_doubt: Bool?
        let reason: String?
    }

    private struct ForecastBody: Encodable {
        let dry_run = true
        let count: Int
        let conversations: Int
        let held_conversations: Int
        let replies_only: Int
        let left_out_in_doubt: Int
        let left_out_timers: Int
        let by_assistant: [String: Int]
        let by_category: [String: Int]
        let rate: Double
        /// At least.
        let seconds: Double

        init(_ forecast: ReplayForecast, rate: Double) {
            self.count = forecast.count
            self.conversations = forecast.conversations
            self.held_conversations = forecast.heldConversations
            self.replies_only = forecast.repliesOnly
            self.left_out_in_doubt = forecast.inDoubt
            self.left_out_timers = forecast.timers
            self.by_assistant = forecast.assistants
            self.by_category = forecast.categories
            self.rate = rate
            self.seconds = (Double(forecast.count) / rate * 10).rounded() / 10
        }
    }

    private struct JobBody: Encodable {
        let id: Int64
        let at: String
        let by: String
        let reason: String?
        let filter: FilterEcho
        let rate: Double
        let reset_retry_count: Bool
        let release: Bool
        let resend_in_doubt: Bool
        let state: String
        let finished_at: String?
        let total: Int
        let pending: Int
        let under_way: Int
        let answered: Int
        let failed: Int
        let skipped: Int
        let gone: Int

        init(_ job: ReplayJob) {
            self.id = job.id
            self.at = job.at.text
            self.by = job.who
            self.reason = job.reason
            self.filter = FilterEcho(job.filter)
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
        }
    }

    /// A filter as it was understood: times are times.
    private struct FilterEcho: Encodable {
        let ids: [Int64]?
        let assistant, category, channel, conversation, kind, fingerprint: String?
        let since, until: String?
        let from_id: Int64?
        let text: String?

        init(_ filter: DeadLetterFilter) {
            self.ids = filter.ids
            (self.assistant, self.category, self.channel) = (filter.assistant, filter.category, filter.channel)
            (self.conversation, self.kind, self.fingerprint) = (filter.conversation, filter.kind, filter.fingerprint)
            (self.since, self.until) = (filter.since?.text, filter.until?.text)
            (self.from_id, self.text) = (filter.fromID, filter.text)
        }
    }

    private struct JobList: Encodable {
        let replays: [JobBody]
        let next: Int64?
    }

    func beginReplay(_ request: Request, _ context: Context) async throws -> Response {
        let body = try await self.decode(
            Wanted.self, request, else: #"{"filter": {"category": "timeout"}, "dry_run": true, "rate": 50}"#)
        let filter = try body.filter.resolved(at: self.now)
        let most = self.live.current.http.admin.replayRate
        let rate = body.rate ?? most
        guard rate >= 0.01, rate <= most else {
            throw APIError(
                status: .unprocessableContent, code: "not_allowed",
                message: "\"rate\" must be 0.01 to \(most) (admin.replay_rate)")
        }
        let options = ReplayJob.Options(
            rate: rate, resetsRetryCount: body.reset_retry_count ?? true, releasesConversations: body.release ?? false,
            resendsInDoubt: body.resend_in_doubt ?? false)
        let author = try self.author(context, body.reason)
        let isDry = body.dry_run ?? false
        context.note?.write("\(isDry ? "dry run of " : "")\(filter.json) at \(rate)/s", body.reason)
        if isDry {
            let forecast = try await self.asking { try await self.desk.replays.forecast(filter, options) }
            return try self.answer(ForecastBody(forecast, rate: rate), request, context)
        }
        let id = try await self.asking {
            try await self.desk.replays.create(filter, options, by: author.name, reason: author.reason)
        }
        guard let id else {
            throw APIError(
                status: .notFound, code: "nothing_to_replay",
                message: "the filter means no dead letter that can be replayed and is not on its way already")
        }
        return try await self.answer(job: id, .accepted, request, context)
    }

    func showReplay(_ request: Request, _ context: Context) async throws -> Response {
        try await self.answer(job: try self.number("replay", context), .ok, request, context)
    }

    func listReplays(_ request: Request, _ context: Context) async throws -> Response {
        let (before, limit) = (try self.before(request), try self.limit(request, default: 20, most: 100))
        let jobs = try await self.asking { try await self.desk.replays.jobs(before: before, limit: limit) }
        return try self.answer(
            JobList(replays: jobs.map(JobBody.init), next: jobs.count == limit ? jobs.last?.id : nil), request, context)
    }

    func cancelReplay(_ request: Request, _ context: Context) async throws -> Response {
        let id = try self.number("replay", context)
        _ = try await self.asking { try await self.desk.replays.cancel(id) }
        return try await self.answer(job: id, .ok, request, context)
    }

    private func answer(
        job id: Int64, _ status: HTTPResponse.Status, _ request: Request, _ context: Context
    ) async throws -> Response {
        guard let job = try await self.asking({ try await self.desk.replays.jobs(id, limit: 1) }).first else {
            throw APIError(status: .notFound, code: "not_found", message: "there is no replay \(id)")
        }
        return try JSONAnswer(status: status, JobBody(job)).response(from: request, context: context)
    }
}
