import Crypto
import Foundation

/// How messages prove where they come from: as the Evolution API and Meta's platform do.
struct SenderSecrets: Sendable {
    /// Sent as `apikey`.
    var evolutionKey: String?
    /// Signs a token for each webhook, which is sent instead of a key.
    var evolutionJWTSecret: String?
    /// Signs bodies.
    var metaAppSecret: String?
    /// Of `/v1`.
    var apiToken: String?

    /// The headers that go with a body.
    ///
    /// - Parameter time: seconds since 1970.
    func headers(for source: PlannedMessage.Source, body: String, at time: Int) -> [(name: String, value: String)] {
        switch source {
        case .evolution:
            if let secret = self.evolutionJWTSecret {
                return [("Authorization", "Bearer \(Self.token(secret, at: time))")]
            }
            return self.evolutionKey.map { [("apikey", $0)] } ?? []
        case .meta:
            guard let secret = self.metaAppSecret else { return [] }
            let code = HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: SymmetricKey(data: Data(secret.utf8)))
            let hex = code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            return [("X-Hub-Signature-256", "sha256=\(hex)")]
        case .api:
            return self.apiToken.map { [("Authorization", "Bearer \($0)")] } ?? []
        }
    }

    /// A token as Evolution makes it with `jwt_key`: HS256, good for ten minutes.
    private static func token(_ secret: String, at time: Int) -> String {
        let parts = [
            "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
            "{\"iat\":\(time),\"exp\":\(time + 600),\"app\":\"evolution\",\"action\":\"webhook\"}",
        ].map { Self.base64URL(Data($0.utf8)) }
        let signed = parts.joined(separator: ".")
        let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return "\(signed).\(Self.base64URL(Data(code)))"
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
