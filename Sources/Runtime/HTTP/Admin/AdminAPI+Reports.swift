import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// The whole at a glance, what was used, what failed, who did what.
extension AdminAPI {
    func showOverview(_ request: Request, _ context: Context) async throws -> Response {
        let queues = try await self.queues()
        var recent = DeadLetterFilter()
        recent.since = self.now.advanced(by: .seconds(-3600))
        let latest = recent
        let (members, total, hour, replays) = try await self.asking {
            (
                try await self.desk.leases.members(), try await self.desk.statistics.count(DeadLetterFilter()),
                try await self.desk.statistics.count(latest),
                try await self.desk.replays.jobs(limit: 100).count { $0.state == .running }
            )
        }
        return try self.answer(
            OverviewBody(
                at: self.now.text, version: self.status().version, settings_version: await self.live.version, queues: queues,
                members: members.sorted { $0.id < $1.id }.map { member in
                    OverviewBody.Member(
                        id: member.id.rawValue, address: member.address, queues: member.queues.map(\.rawValue).sorted(),
                        running: member.load.values.reduce(0) { $0 + $1.running },
                        waiting: member.load.values.reduce(0) { $0 + $1.waiting })
                }, dead_letters: OverviewBody.DeadLetters(total: total, latest_hour: hour), running_replays: replays),
            request, context)
    }

    func showUsage(_ request: Request, _ context: Context) async throws -> Response {
        guard let days = Int(request.query("days") ?? "7"), (1...400).contains(days) else {
            throw APIError.badRequest("\"days\" must be 1 to 400")
        }
        let assistant = try self.text("assistant", request)
        let first = CivilDay(number: CivilDay(of: self.now).number - days + 1)
        let usage = try await self.asking { try await self.desk.usage.usage(since: first) }
        let lines = usage.filter { assistant == nil || $0.assistant.rawValue == assistant }.map { usage in
            UsageBody.Line(
                day: usage.day.description, assistant: usage.assistant.rawValue, model: usage.model, requests: usage.requests,
                prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens,
                cost: Double(usage.costMicros) / 1_000_000)
        }
        return try self.answer(UsageBody(since: first, lines), request, context)
    }

    /// Of dead letters that are still kept.
    func showErrors(_ request: Request, _ context: Context) async throws -> Response {
        let since = try self.time("since", request) ?? self.now.advanced(by: .seconds(-86_400))
        let step = request.query("step") ?? "hour"
        guard ["hour", "day"].contains(step) else { throw APIError.badRequest("\"step\" must be hour or day") }
        let assistant = try self.text("assistant", request)
        let errors = try await self.asking {
            try await self.desk.statistics.errors(
                since: since, by: .seconds(step == "hour" ? 3_600 : 86_400), assistant: assistant)
        }
        return try self.answer(
            ErrorsBody(
                since: since.text, step: step,
                errors: errors.map { ErrorsBody.Line(at: $0.time.text, category: $0.category, count: $0.count) },
                by_category: errors.reduce(into: [:]) { $0[$1.category, default: 0] += $1.count }), request, context)
    }

    func listAudit(_ request: Request, _ context: Context) async throws -> Response {
        let (who, action) = (try self.text("who", request), try self.text("action", request))
        let (before, limit) = (try self.before(request), try self.limit(request))
        let entries = try await self.asking {
            try await self.desk.audit.entries(who: who, action: action, before: before, limit: limit)
        }
        return try self.answer(
            AuditBody(audit: entries.map(AuditBody.Line.init), next: entries.count == limit ? entries.last?.id : nil),
            request, context)
    }
}
