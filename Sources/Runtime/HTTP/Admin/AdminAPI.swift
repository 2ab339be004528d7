import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// What a process says about itself, for operators.
public struct AdminStatus: Encodable, Sendable {
    public struct Assistant: Encodable, Sendable {
        var slots: Int
        var running: Int
        var waiting: Int
        var paused: Bool

        /// - Parameters:
        ///   - slots: turns that may run at once.
        ///   - waiting: turns that wait for a slot.
        public init(slots: Int, running: Int, waiting: Int, paused: Bool) {
            self.slots = slots
            self.running = running
            self.waiting = waiting
            self.paused = paused
        }
    }

    var role: String
    var version: String
    /// The change up to which settings are in force here.
    var settings_version: Int64?
    /// Of the queues this process serves.
    var assistants: [String: Assistant]

    public init(role: String, version: String, assistants: [String: Assistant]) {
        self.role = role
        self.version = version
        self.assistants = assistants
    }
}

/// `/admin`: what operators see and change. Served by every process.
public struct AdminAPI: Sendable {
    typealias Context = GatewayContext

    let live: LiveConfiguration
    let explainer: ConversationExplainer
    private let status: @Sendable () -> AdminStatus

    public init(
        live: LiveConfiguration, explainer: ConversationExplainer, status: @escaping @Sendable () -> AdminStatus
    ) {
        self.live = live
        self.explainer = explainer
        self.status = status
    }

    var routes: [(path: RouterPath, handlers: [HTTPRequest.Method: HTTPGateway.Handler])] {
        [
            ("/admin/status", [.get: self.showStatus]),
            ("/admin/conversations/:conversation/explain", [.get: self.explainConversation]),
            ("/admin/settings", [.get: self.listSettings]),
            ("/admin/settings/history", [.get: self.showHistory]),
            ("/admin/settings/history/:change", [.get: self.showChange]),
            ("/admin/settings/rollback", [.post: self.rollBack]),
            ("/admin/settings/:path", [.get: self.showSetting, .put: self.setSetting, .delete: self.unsetSetting]),
        ]
    }

    private func showStatus(_ request: Request, _ context: Context) async throws -> Response {
        var status = self.status()
        status.settings_version = await self.live.version
        return try JSONAnswer(status).response(from: request, context: context)
    }
}

extension HTTPGateway {
    /// Closed to everybody, and not to be told from a path that is not there, as long as no token is configured.
    func admitted(_ handler: @escaping Handler) -> Handler {
        { request, context in
            guard self.settings.adminToken != nil else {
                throw APIError(
                    status: .notFound, code: "not_found", message: "no such path; admin.token opens /admin")
            }
            guard self.authenticator.allowsAdmin(authorization: request.headers[.authorization]) else {
                throw APIError.unauthorized
            }
            return try await handler(request, context)
        }
    }
}
