public import CardumeCore
import Crypto
import Foundation
import JWTKit
import Synchronization

/// Who calls /admin.
struct AdminPrincipal: Hashable, Sendable {
    var name: String
    var role: AdminRole
    /// Of a login; `nil` for tokens, which count until the configuration says otherwise.
    var expiresAt: Timestamp?
}

/// Tells those who may use /admin from others. Secrets are compared as hashes, in constant time; a user who does not exist costs
/// as much as a wrong password.
public final class AdminAuthenticator: Sendable {
    /// What a login gave.
    struct Login: Sendable {
        let token: String
        let principal: AdminPrincipal
    }

    enum Refusal: Error, Hashable {
        /// The user, the password or both are wrong; nobody is told which.
        case wrong
        case wait(Duration)
    }

    private struct Claims: JWTPayload {
        let sub: SubjectClaim
        let exp: ExpirationClaim
        let iat: IssuedAtClaim
        let aud: AudienceClaim
        /// ``AdminSettings/User/stamp``.
        let stamp: String

        func verify(using _: some JWTAlgorithm) throws {}
    }

    private static let audience = "cardume/admin"
    /// Passwords that are looked at at once: each takes a thread and 32 MiB.
    private static let parallelism = 2

    private let attempts = Mutex((limiter: LoginGuard(), running: 0))
    /// Of a single process that is given none; lives as long as it does.
    private let ownSecret = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
    private let now: @Sendable () -> Moment
    private static let nobody = try? PasswordHash(of: UUID().uuidString)

    public init(now: @escaping @Sendable () -> Moment) { self.now = now }

    /// - Parameters:
    ///   - authorization: the header.
    ///   - caller: what ``HTTPField/Name/cardumeOperator`` says, which counts for tokens only.
    /// - Returns: `nil` for a stranger.
    func principal(_ authorization: String?, caller: String?, _ settings: AdminSettings) async -> AdminPrincipal? {
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return nil }
        let bearer = String(authorization.dropFirst(7))
        let digest = SHA256.hash(data: Data(bearer.utf8))
        // All of them, so that the time does not tell which.
        let matches = settings.tokens.filter { digest == $0.digest }
        if let token = matches.first {
            let name =
                token.name.isEmpty ? caller ?? "admin" : caller.map { "\(token.name) (\($0))" } ?? token.name
            return AdminPrincipal(name: name, role: token.role)
        }
        return await self.session(bearer, settings)
    }

    private func session(_ token: String, _ settings: AdminSettings) async -> AdminPrincipal? {
        guard !settings.users.isEmpty, token.utf8.count < 4_096,
            let claims = try? await self.keys(settings).verify(token, as: Claims.self),
            claims.aud.value == [Self.audience], let user = settings.users[claims.sub.value], user.stamp == claims.stamp
        else { return nil }
        let end = Timestamp(milliseconds: Int64(claims.exp.value.timeIntervalSince1970 * 1_000))
        guard self.now().wallTime < end else { return nil }
        // The role is what the configuration says today.
        return AdminPrincipal(name: claims.sub.value, role: user.role, expiresAt: end)
    }

    func logIn(
        _ user: String, _ password: String, from address: String, _ settings: AdminSettings
    ) async throws(Refusal) -> Login {
        try self.enter(user, address, settings)
        let known = settings.users[user]
        let isRight = await Self.accepts(known?.hash ?? Self.nobody, password)
        let principal = self.attempts.withLock { attempts -> AdminPrincipal? in
            attempts.running -= 1
            let now = self.now()
            guard isRight, let known else {
                attempts.limiter.failed(user, from: address, settings.attempts, at: now.uptime)
                return nil
            }
            attempts.limiter.succeeded(user, from: address)
            // JSON Web Tokens have whole seconds.
            let end = now.wallTime.advanced(by: settings.session).milliseconds / 1_000 * 1_000
            return AdminPrincipal(name: user, role: known.role, expiresAt: Timestamp(milliseconds: end))
        }
        guard let principal, let end = principal.expiresAt, let known else { throw .wrong }
        let claims = Claims(
            sub: SubjectClaim(value: user), exp: ExpirationClaim(value: end.date),
            iat: IssuedAtClaim(value: self.now().wallTime.date), aud: AudienceClaim(value: Self.audience), stamp: known.stamp)
        guard let token = try? await self.keys(settings).sign(claims) else { preconditionFailure("claims cannot be signed") }
        return Login(token: token, principal: principal)
    }

    private func enter(_ user: String, _ address: String, _ settings: AdminSettings) throws(Refusal) {
        let wait = self.attempts.withLock { attempts -> Duration? in
            if let wait = attempts.limiter.wait(user, from: address, settings.attempts, at: self.now().uptime) { return wait }
            if attempts.running >= Self.parallelism { return .seconds(1) }
            attempts.running += 1
            return nil
        }
        if let wait { throw .wait(wait) }
    }

    /// On a thread of its own: it is a tenth of a second of plain work.
    private static func accepts(_ hash: PasswordHash?, _ password: String) async -> Bool {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: hash?.accepts(password) ?? false) }
        }
    }

    private func keys(_ settings: AdminSettings) async -> JWTKeyCollection {
        let secret = settings.jwtSecret.map { Data($0.utf8) } ?? self.ownSecret
        return await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
    }
}

extension Timestamp {
    var date: Date { Date(timeIntervalSince1970: Double(self.milliseconds) / 1_000) }
}
