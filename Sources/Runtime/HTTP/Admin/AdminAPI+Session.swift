import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension AdminAPI {
    /// `POST /admin/login`: a token for as long as `admin.session` says; for a new one, log in again.
    func logIn(_ request: Request, _ context: Context) async throws -> Response {
        let credentials = try await self.decode(
            LoginRequest.self, request, else: #"{"user": "ana", "password": "…"}"#)
        guard (1...100).contains(credentials.user.utf8.count), credentials.password.utf8.count <= 1_000,
            !credentials.user.unicodeScalars.contains(where: { $0.value < 0x20 })
        else { throw APIError.badRequest("\"user\" must have 1 to 100 bytes, \"password\" 1000 at most") }
        let settings = self.live.current.http.admin
        var entry = AuditEntry(
            who: credentials.user, role: "", address: context.address, action: "session.begin", target: "/admin/login",
            traceID: context.traceID)
        let login: AdminAuthenticator.Login
        do throws(AdminAuthenticator.Refusal) {
            login = try await self.authenticator.logIn(
                credentials.user, credentials.password, from: context.address, settings)
        } catch {
            switch error {
            case .wrong:
                entry.status = 401
                // Whether it can be written or not, nobody gets in.
                _ = try? await self.desk.audit.begin(entry)
                throw APIError(
                    status: .unauthorized, code: "unauthorized", message: "the user or the password is wrong")
            case .wait(let wait):
                throw APIError(
                    status: .tooManyRequests, code: APIError.rateLimited,
                    message: "too many wrong passwords; try again later",
                    headers: [.retryAfter: String(max(1, wait.milliseconds / 1_000))])
            }
        }
        (entry.role, entry.status) = (login.principal.role.rawValue, 200)
        let line = entry
        _ = try await self.asking { try await self.desk.audit.begin(line) }
        return try self.answer(
            LoginBody(
                token: login.token, name: login.principal.name, role: login.principal.role.rawValue,
                expires_at: login.principal.expiresAt?.text ?? ""), request, context)
    }

    /// `GET /admin/session`: who the caller is.
    func showSession(_ request: Request, _ context: Context) async throws -> Response {
        guard let principal = context.principal else { preconditionFailure("nobody was admitted") }
        return try self.answer(
            SessionBody(
                name: principal.name, role: principal.role.rawValue, expires_at: principal.expiresAt?.text), request, context)
    }

    /// `GET /admin/openapi.json`: this API, described.
    func showDocument(_ request: Request, _ context: Context) async throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_json)))
    }
}
