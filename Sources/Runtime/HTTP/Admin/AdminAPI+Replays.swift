import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// Dead letters on their way back; see ``ReplayRunner``.
extension AdminAPI {
    func beginReplay(_ request: Request, _ context: Context) async throws -> Response {
        let body = try await self.decode(
            ReplayRequest.self, request, else: #"{"filter": {"category": "timeout"}, "dry_run": true, "rate": 50}"#)
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
        let begun = try await self.asking {
            try await self.desk.replays.create(filter, options, by: author.name, reason: author.reason)
        }
        guard let id = begun.job else {
            let others = begun.leftOut > 0 ? "; another replay has \(begun.leftOut) of them" : ""
            throw APIError(
                status: .notFound, code: "nothing_to_replay",
                message: "the filter means no dead letter that can be replayed and is not on its way already\(others)")
        }
        return try await self.answer(job: id, leftOut: begun.leftOut, .accepted, request, context)
    }

    func showReplay(_ request: Request, _ context: Context) async throws -> Response {
        try await self.answer(job: try self.number("replay", context), .ok, request, context)
    }

    func listReplays(_ request: Request, _ context: Context) async throws -> Response {
        let (before, limit) = (try self.before(request), try self.limit(request, default: 20, most: 100))
        let jobs = try await self.asking { try await self.desk.replays.jobs(before: before, limit: limit) }
        return try self.answer(
            ReplayListBody(replays: jobs.map { ReplayBody($0) }, next: jobs.count == limit ? jobs.last?.id : nil), request,
            context)
    }

    func cancelReplay(_ request: Request, _ context: Context) async throws -> Response {
        let id = try self.number("replay", context)
        _ = try await self.asking { try await self.desk.replays.cancel(id) }
        return try await self.answer(job: id, .ok, request, context)
    }

    private func answer(
        job id: Int64, leftOut: Int? = nil, _ status: HTTPResponse.Status, _ request: Request, _ context: Context
    ) async throws -> Response {
        guard let job = try await self.asking({ try await self.desk.replays.jobs(id, limit: 1) }).first else {
            throw APIError(status: .notFound, code: "not_found", message: "there is no replay \(id)")
        }
        return try JSONAnswer(status: status, ReplayBody(job, leftOut: leftOut)).response(from: request, context: context)
    }
}
