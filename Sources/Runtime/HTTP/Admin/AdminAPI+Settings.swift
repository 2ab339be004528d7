import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

extension AdminAPI {
    private static let longestLifetime: Duration = .seconds(8760 * 3600)

    func listSettings(_ request: Request, _ context: Context) async throws -> Response {
        let settings = await self.live.list(all: request.query("all") == "true")
        let refused = await self.live.refused
        return try JSONAnswer(
            SettingListBody(
                version: await self.live.version, settings: settings.map(SettingBody.init),
                not_in_force: refused.map(NotInForceBody.init))
        ).response(from: request, context: context)
    }

    func showSetting(_ request: Request, _ context: Context) async throws -> Response {
        let name = try self.name(context)
        let setting = try await self.answering { try await self.live.state(of: name) }
        return try JSONAnswer(SettingBody(setting)).response(from: request, context: context)
    }

    func setSetting(_ request: Request, _ context: Context) async throws -> Response {
        let name = try self.name(context)
        let wanted = try await self.decode(
            SettingRequest.self, request, else: #"{"value": "8", "expires_in": "2h", "reason": "…"}"#)
        let author = try self.author(context, wanted.reason)
        context.note?.write("\(wanted.value.text.prefix(200))\(wanted.expires_in.map { " for \($0)" } ?? "")", wanted.reason)
        let lifetime = try wanted.expires_in.map { try self.lifetime($0) }
        return try await self.answer(name, request, context) {
            try await self.live.set(name, to: wanted.value.text, for: lifetime, by: author)
        }
    }

    func lifetime(_ text: String) throws -> Duration {
        guard let lifetime = ConfigurationDuration.parse(text), (.seconds(1)...Self.longestLifetime).contains(lifetime) else {
            throw APIError(
                status: .unprocessableContent, code: "not_allowed",
                message: "expires_in: \"\(text)\" is not allowed; expected duration, 1s to 8760h")
        }
        return lifetime
    }

    func unsetSetting(_ request: Request, _ context: Context) async throws -> Response {
        let name = try self.name(context)
        let author = try self.author(context, request.query("reason"))
        context.note?.write(nil, author.reason)
        return try await self.answer(name, request, context) { try await self.live.unset(name, by: author) }
    }

    func rollBack(_ request: Request, _ context: Context) async throws -> Response {
        let body = try await self.decode(RollbackRequest.self, request, else: #"{"to": 12}"#)
        let author = try self.author(context, body.reason ?? "rollback to \(body.to)")
        context.note?.write("to \(body.to)", body.reason)
        let changes = try await self.answering { try await self.live.rollBack(to: body.to, by: author) }
        return try JSONAnswer(ChangesBody(changes: changes.map(ChangeBody.init(listed:)))).response(
            from: request, context: context)
    }

    func showChange(_ request: Request, _ context: Context) async throws -> Response {
        guard let id = context.parameters.get("change").flatMap({ Int64($0) }) else {
            throw APIError.badRequest("the path names no change; they are numbers")
        }
        let change = try await self.answering { try await self.live.change(id) }
        return try JSONAnswer(ChangeBody(change)).response(from: request, context: context)
    }

    func showHistory(_ request: Request, _ context: Context) async throws -> Response {
        guard let limit = Int(request.query("limit") ?? "50"), (1...1_000).contains(limit) else {
            throw APIError.badRequest("\"limit\" must be 1 to 1000")
        }
        let path = request.query("path")
        let changes = try await self.answering { try await self.live.history(of: path, limit: limit) }
        return try JSONAnswer(ChangesBody(changes: changes.map(ChangeBody.init(listed:)))).response(
            from: request, context: context)
    }

    private func answer(
        _ name: String, _ request: Request, _ context: Context, _ change: () async throws -> SettingChange?
    ) async throws -> Response {
        let change = try await self.answering(change)
        let setting = try? await self.live.state(of: name)
        return try JSONAnswer(SettingOutcomeBody(change: change.map { ChangeBody($0) }, setting: setting.map(SettingBody.init)))
            .response(from: request, context: context)
    }

    // MARK: Requests

    private func name(_ context: Context) throws -> String {
        guard let name = context.parameters.get("path")?.removingPercentEncoding, !name.isEmpty else {
            throw APIError.badRequest("the path names no setting")
        }
        return name
    }

    func answering<Result>(_ operation: () async throws -> Result) async throws -> Result {
        do {
            return try await operation()
        } catch let refusal as SettingRefusal {
            throw APIError(status: refusal.code.status, code: refusal.code.rawValue, message: refusal.message)
        } catch let error as StoreError {
            throw APIError.unavailable("the settings' store does not answer (\(error)); nothing is known to have changed")
        }
    }
}

extension SettingRefusal.Code {
    fileprivate var status: HTTPResponse.Status {
        switch self {
        case .unknown, .unknownChange: .notFound
        case .notAllowed, .needsRestart, .isSecret: .unprocessableContent
        }
    }
}
