import CardumeCore
import HTTPTypes
import Hummingbird

extension HTTPField.Name {
    static let cardumeOperator = HTTPField.Name("X-Cardume-Operator")!
}

/// The way into /admin: who calls, whether they may, and a line in the audit log for each change.
///
/// Tokens come in the header `Authorization` alone: there is no cookie, so no other site's page can act for somebody who is
/// logged in.
extension HTTPGateway {
    func serve(_ admin: AdminAPI, on router: Router<Context>) {
        var paths: [String] = []
        for route in AdminAPI.table where !paths.contains(route.path) { paths.append(route.path) }
        for path in paths {
            let routes = AdminAPI.table.filter { $0.path == path }
            let allowed = routes.map(\.method.rawValue).sorted().joined(separator: ", ")
            for method: HTTPRequest.Method in [.get, .head, .post, .put, .patch, .delete, .options] {
                let route =
                    routes.first { $0.method == method }
                    ?? AdminRoute("none", method, path, .viewer) { _ in
                        { _, _ in
                            throw APIError(
                                status: .methodNotAllowed, code: "method_not_allowed", message: "use \(allowed)",
                                headers: [.allow: allowed])
                        }
                    }
                let isKnown = routes.contains { $0.method == method }
                router.on(RouterPath(path), method: method) { request, context in
                    try await self.answer(route, isAudited: isKnown && route.isChange, admin, request, context)
                }
            }
        }
    }

    /// Closed to everybody, and not to be told from a path that is not there, as long as nobody is configured.
    private func answer(
        _ route: AdminRoute, isAudited: Bool, _ admin: AdminAPI, _ request: Request, _ context: Context
    ) async throws -> Response {
        let settings = self.settings.admin
        guard settings.isOpen else {
            throw APIError(
                status: .notFound, code: "not_found", message: "no such path; admin.token or admin.users open /admin")
        }
        var context = context
        context.address = self.door.address(peer: context.peer, request.headers) ?? "unknown"
        guard let role = route.role else { return try await Self.uncached(route.handler(admin)(request, context)) }
        let caller = try Self.caller(request)
        let authorization = request.headers[.authorization]
        guard let principal = await admin.authenticator.principal(authorization, caller: caller, settings) else {
            throw APIError.unauthorized
        }
        guard principal.role >= role else {
            throw APIError(
                status: .forbidden, code: "forbidden",
                message: "this needs the role \(role.rawValue); \(principal.name) is \(principal.role.rawValue)")
        }
        context.principal = principal
        guard isAudited else { return try await Self.uncached(route.handler(admin)(request, context)) }
        return try await self.audited(route, principal, admin, request, context)
    }

    /// No change without a line in the log: it is written before, and completed after.
    private func audited(
        _ route: AdminRoute, _ principal: AdminPrincipal, _ admin: AdminAPI, _ request: Request, _ context: Context
    ) async throws -> Response {
        let note = AuditNote()
        var context = context
        context.note = note
        let entry = AuditEntry(
            who: principal.name, role: principal.role.rawValue, address: context.address, action: route.name,
            target: AuditEntry.target(path: request.uri.path), traceID: context.traceID)
        let id = try await admin.asking { try await admin.desk.audit.begin(entry) }
        func end(_ status: Int) async {
            do {
                try await admin.desk.audit.end(id, status: status, detail: note.text)
            } catch {
                self.logger.error("audit line not completed", metadata: ["audit": "\(id)", "error": "\(error)"])
            }
            self.logger.notice(
                "changed by an operator",
                metadata: [
                    "audit": "\(id)", "who": "\(principal.name)", "action": "\(route.name)", "status": "\(status)",
                    "target": "\(entry.target)", "trace_id": "\(context.traceID)",
                ])
        }
        do {
            let response = try await route.handler(admin)(request, context)
            await end(Int(response.status.code))
            return Self.uncached(response)
        } catch {
            await end(Int(((error as? any HTTPResponseError)?.status ?? .internalServerError).code))
            throw error
        }
    }

    private static func caller(_ request: Request) throws -> String? {
        guard let name = request.headers[.cardumeOperator] else { return nil }
        try AdminAPI.check(name, "X-Cardume-Operator")
        return name
    }

    private static func uncached(_ response: Response) -> Response {
        var response = response
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
