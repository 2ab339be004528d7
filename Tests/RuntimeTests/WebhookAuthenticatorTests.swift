import Foundation
import JWTKit
import Testing

@testable import CardumeRuntime

@Suite struct WebhookAuthenticatorTests {
    private struct Claims: JWTPayload {
        let iat: IssuedAtClaim
        let exp: ExpirationClaim
        let app = "evolution"
        let action = "webhook"

        enum CodingKeys: CodingKey { case iat, exp, app, action }

        func verify(using _: some JWTAlgorithm) throws {}
    }

    private static let secret = "um segredo de pelo menos 32 bytes"

    private static func authenticator(_ yaml: String) throws -> WebhookAuthenticator {
        WebhookAuthenticator(settings: try CardumeConfiguration(yaml: yaml, file: "c", environment: [:]).http)
    }

    private static func token(_ secret: String, expires: TimeInterval) async throws -> String {
        let keys = await JWTKeyCollection().add(hmac: HMACKey(from: Data(secret.utf8)), digestAlgorithm: .sha256)
        let end = Date().addingTimeInterval(expires)
        return try await keys.sign(Claims(iat: .init(value: end.addingTimeInterval(-600)), exp: .init(value: end)))
    }

    @Test func tokensOfTheGatewayAreAccepted() async throws {
        let authenticator = try Self.authenticator("evolution_webhook: { jwt_secret: \(Self.secret), jwt_leeway: 30m }")
        func allows(_ token: String) async -> Bool {
            await authenticator.allowsEvolution(apikey: nil, authorization: "Bearer \(token)")
        }
        #expect(try await allows(Self.token(Self.secret, expires: 600)))
        #expect(try await allows(Self.token(Self.secret, expires: -1_200)), "retries carry an expired token for 20 minutes")
        #expect(try await !allows(Self.token(Self.secret, expires: -2_000)))
        #expect(try await !allows(Self.token("outro-\(Self.secret)", expires: 600)))
        let parts = try await Self.token(Self.secret, expires: 600).split(separator: ".")
        let unsigned = Data(#"{"alg":"none","typ":"JWT"}"#.utf8).base64EncodedString().replacing("=", with: "")
        #expect(await !allows("\(unsigned).\(parts[1])."), "an unsigned token")
        #expect(await !allows("x"))
    }

    @Test func withoutASecretNobodyGetsIn() async throws {
        let authenticator = try Self.authenticator("")
        #expect(await !authenticator.allowsEvolution(apikey: "", authorization: "Bearer "))
        #expect(!authenticator.allowsAPI(authorization: "Bearer "))
        #expect(!authenticator.allowsMeta(signature: "sha256=", body: []))
        #expect(!authenticator.allowsVerification(mode: "subscribe", token: ""))
    }

    @Test func openDoorsMustBeAskedFor() async throws {
        let authenticator = try Self.authenticator(
            "api: { open: true }\nevolution_webhook: { open: true }\nmeta_webhook: { open: true }")
        #expect(await authenticator.allowsEvolution(apikey: nil, authorization: nil))
        #expect(authenticator.allowsAPI(authorization: nil))
        #expect(authenticator.allowsMeta(signature: nil, body: [1]))
    }
}
