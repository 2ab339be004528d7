import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// The whole at a glance, what was used, what failed, who did what.
extension AdminAPI {
    private struct Overview: Encodable {
        struct Member: Encodable {
            let id: String
            let address: String?
            let queues: [String]
            let running: Int
            let waiting: Int
        }

        struct DeadLetters: Encodable {
            let total: Int
            let latest_hour: Int
        }

        let at: String
        let version: String
        let settings_version: Int64?
        let queues: [QueueBody]
        let members: [Member]
        let dead_letters: DeadLetters
        let running_replays: Int
    }

    private struct Usage: Encodable {
        struct Line: Encodable {
            let day: String
            let assistant: String
            let model: String
            let requests: Int
            let prompt_tokens: Int
            let completion_tokens: Int
            /// In the currency of the models' prices.
            let cost: Double
        }

        struct Sum: Encodable {
            var requests = 0
            var prompt_tokens = 0
            var completion_tokens = 0
            var cost = 0.0

            mutating func add(_ line: Line) {
                self.requests += line.requests
                self.prompt_tokens += line.prompt_tokens
                self.completion_tokens += line.completion_tokens
                self.cost += line.cost
            }
        }

        let since: String
        let days: [Line]
        let by_assistant: [String: Sum]
        let by_model: [String: Sum]
        let total: Sum
    }

    private struct Errors: Encodable {
        struct Line: Encodable {
            let at: String
            let category: String
            let count: Int
        }

        let since: String
        let step: String
        let errors: [Line]
        let by_category: [String: Int]
    }

    private struct Audit: Encodable {
        struct Line: Encodable {
            let id: Int64
            let at: String
            let who: String
            let role: String
            let address: String
            let action: String
            let target: String
            let detail: String?
            let trace_id: String
            /// Missing when the process ended before it was done, or is still at it.
            let status: Int?
        }

        let audit: [Line]
        let next: Int64?
    }

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
            Overview(
                at: self.now.text, version: self.status().version, settings_version: await self.live.version, queues: queues,
                members: members.sorted { $0.id < $1.id }.map { member in
                    Overview.Member(
                        id: member.id.rawValue, address: member.address, queues: member.queues.map(\.rawValue).sorted(),
                        running: member.load.values.reduce(0) { $0 + $1.running },
                        waiting: member.load.values.reduce(0) { $0 + $1.waiting })
                }, dead_letters: Overview.DeadLetters(total: total, latest_hour: hour), running_replays: replays),
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
            Usage.Line(
                day: usage.day.description, assistant: usage.assistant.rawValue, model: usage.model, requests: usage.requests,
                prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens,
                cost: Double(usage.costMicros) / 1_000_000)
        }
        var (assistants, models, total) = ([String: Usage.Sum](), [String: Usage.Sum](), Usage.Sum())
        for line in lines {
            assistants[line.assistant, default: Usage.Sum()].add(line)
            models[line.model, default: Usage.Sum()].add(line)
            total.add(line)
        }
        return try self.answer(
            Usage(since: first.description, days: lines, by_assistant: assistants, by_model: models, total: total),
            request, context)
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
            Errors(
                since: since.text, step: step,
                errors: errors.map { Errors.Line(at: $0.time.text, category: $0.category, count: $0.count) },
                by_category: errors.reduce(into: [:]) { $0[$1.category, default: 0] += $1.count }), request, context)
    }

    func listAudit(_ request: Request, _ context: Context) async throws -> Response {
        let (who, action) = (try self.text("who", request), try self.text("action", request))
        let (before, limit) = (try self.before(request), try self.limit(request))
        let entries = try await self.asking {
            try await self.desk.audit.entries(who: who, action: action, before: before, limit: limit)
        }
        let lines = entries.map { entry in
            Audit.Line(
                id: entry.id, at: entry.at.text, who: entry.who, role: entry.role, address: entry.address,
                action: entry.action, target: entry.target, detail: entry.detail, trace_id: entry.traceID,
                status: entry.status)
        }
        return try self.answer(Audit(audit: lines, next: entries.count == limit ? entries.last?.id : nil), request, context)
    }
}
