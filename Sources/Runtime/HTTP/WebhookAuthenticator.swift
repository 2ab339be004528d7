import CardumeCore
import Crypto
import Foundation
import JWTKit

/// Tells real senders from others. Secrets are compared as bytes, in constant time.
struct WebhookAuthenticator: Sendable {
    private let settings: HTTPSettings
    /// The present ones first, then those that still count.
    private let secrets: [DoorSecrets]

    init(settings: HTTPSettings, at now: ContinuousClock.Instant = .now) {
        self.settings = settings
        let retired = settings.retired.lazy.filter { $0.until > now }.map(\.secrets)
        self.secrets = [settings.secrets] + retired
    }

    /// Whether `/v1` may be used with this `Authorization` header.
    func allowsAPI(authorization: String?) -> Bool {
        if self.settings.api.isOpen { return true }
        let bearer = Self.bearer(authorization)
        return self.secrets.contains { $0.api.map { Self.isEqual(bearer, $0) } ?? false }
    }

    /// Whether an Evolution webhook with these headers is genuine.
    func allowsEvolution(apikey: String?, authorization: String?) async -> Bool {
        if self.settings.evolution.isOpen { return true }
        guard let leeway = self.settings.evolution.secret?.jwtLeeway else { return false }
        let bearer = Self.bearer(authorization)
        for secret in self.secrets {
            if let key = secret.evolutionKey, Self.isEqual(apikey, key) || Self.isEqual(bearer, key) { return true }
            if let own = secret.evolutionJWT, let bearer, await Self.isToken(bearer, of: own, leeway: leeway) { return true }
        }
        return false
    }

    /// Whether `body` was signed with the app secret (HMAC-SHA256 over the raw bytes).
    func allowsMeta(signature: String?, body: [UInt8]) -> Bool {
        if self.settings.meta.isOpen { return true }
        guard let signature, signature.hasPrefix("sha256="), let code = Self.bytes(hex: signature.dropFirst(7)),
            code.count == SHA256.byteCount
        else { return false }
        return self.secrets.contains { secrets in
            guard let secret = secrets.meta else { return false }
            return HMAC<SHA256>.isValidAuthenticationCode(
                code, authenticating: body, using: SymmetricKey(data: Data(secret.utf8)))
        }
    }

    /// Whether Meta's verification request knows our token.
    func allowsVerification(mode: String?, token: String?) -> Bool {
        guard mode == "subscribe" else { return false }
        return self.secrets.contains { secrets in
            guard let own = secrets.metaVerifyToken, !own.isEmpty else { return false }
            return Self.isEqual(token, own)
        }
    }

    /// Whether whoever sends this `Authorization` header may put load on this deployment.
    func allowsLoad(authorization: String?) -> Bool {
        self.settings.loadtest.consent.map { Self.isEqual(Self.bearer(authorization), $0) } ?? false
    }

    private static func bearer(_ authorization: String?) -> String? {
        guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return nil }
        return String(authorization.dropFirst(7))
    }

    /// Of hashes, so that neither content nor length shows in the time it takes.
    private static func isEqual(_ given: String?, _ own: String) -> Bool {
        guard let given else { return false }
        return SHA256.hash(data: Data(given.utf8)) == SHA256.hash(data: Data(own.utf8))
    }

    private static func bytes(hex: Substring) -> [UInt8]? {
        let digits = hex.utf8.map { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        guard digits.count % 2 == 0, !digits.contains(nil) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { (digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0) }
    }

    private static func isToken(_ token: String, of secret: String, leeway: Duration) async -> Bool {
        struct Claims: JWTPayload {
            let exp: ExpirationClaim?

            func verify(using _: some JWTAlgorithm) throws {}
        }
        let keys = await JWTKeyCollection().add(hmac: HMACKey(from: Data(secret.utf8)), digestAlgorithm: .sha256)
        guard let claims = try? await keys.verify(token, as: Claims.self) else { return false }
        guard let end = claims.exp?.value else { return true }
        return end.addingTimeInterval(leeway.seconds) > Date()
    }
}
