import CardumeCore
import Crypto
import Foundation
import JWTKit
import Synchronization
import Testing

@testable import CardumeRuntime

@Suite struct AdminAuthenticatorTests {
    private static let hash = Result { try PasswordHash(of: "correto cavalo") }.map(\.text)
    private static let now = Timestamp(milliseconds: 1_795_176_000_000)

    private final class Clock: Sendable {
        let seconds = Mutex(0)
        func advance(_ by: Int) { self.seconds.withLock { $0 += by } }
        var moment: Moment {
            let seconds = self.seconds.withLock { $0 }
            return Moment(wallTime: AdminAuthenticatorTests.now.advanced(by: .seconds(seconds)), uptime: .seconds(seconds))
        }
    }

    private static func settings(_ extra: String = "") throws -> AdminSettings {
        let digest = SHA256.hash(data: Data("token-da-esteira".utf8)).map { String(format: "%02x", $0) }.joined()
        return try CardumeConfiguration(
            yaml: """
                admin:
                  token: chave-mestra-de-teste
                  jwt_secret: segredo-de-trinta-e-dois-bytes-ou-mais
                  session: 10m
                  login_attempts: 3
                  tokens: { esteira: { sha256: \(digest), role: operator }, painel: { token: token-do-painel-longo } }
                  users:
                    ana: { password_hash: "\(try Self.hash.get())", role: admin }
                \(extra)
                """, file: "test", environment: [:]
        ).http.admin
    }

    private static func name(
        _ authenticator: AdminAuthenticator, _ token: String, caller: String? = nil, _ settings: AdminSettings
    ) async -> String? {
        await authenticator.principal("Bearer \(token)", caller: caller, settings).map { "\($0.name) \($0.role.rawValue)" }
    }

    @Test func tokensHaveNamesAndRoles() async throws {
        let (clock, settings) = (Clock(), try Self.settings())
        let authenticator = AdminAuthenticator { clock.moment }
        #expect(await Self.name(authenticator, "chave-mestra-de-teste", settings) == "admin admin")
        #expect(await Self.name(authenticator, "chave-mestra-de-teste", caller: "rui", settings) == "rui admin")
        #expect(await Self.name(authenticator, "token-da-esteira", settings) == "esteira operator")
        #expect(await Self.name(authenticator, "token-da-esteira", caller: "rui", settings) == "esteira (rui) operator")
        #expect(await Self.name(authenticator, "token-do-painel-longo", settings) == "painel viewer")
        for wrong in ["", "chave-mestr", "chave-mestra-de-teste ", "token-da-esteir", "a.b.c", "ana"] {
            #expect(await Self.name(authenticator, wrong, settings) == nil, "\(wrong)")
        }
        #expect(await authenticator.principal("Basic chave-mestra-de-teste", caller: nil, settings) == nil)
        #expect(await authenticator.principal(nil, caller: nil, settings) == nil)
    }

    @Test func aLoginCountsUntilItEndsOrThePasswordChanges() async throws {
        let (clock, settings) = (Clock(), try Self.settings())
        let authenticator = AdminAuthenticator { clock.moment }
        let login = try await authenticator.logIn("ana", "correto cavalo", from: "1", settings)
        #expect(login.principal.expiresAt == Self.now.advanced(by: .seconds(600)))
        #expect(await Self.name(authenticator, login.token, caller: "rui", settings) == "ana admin", "a person is who they are")
        // The same secret on another process.
        #expect(await Self.name(AdminAuthenticator { clock.moment }, login.token, settings) == "ana admin")
        let other = try CardumeConfiguration(
            yaml:
                "admin: { jwt_secret: outro-segredo-de-trinta-e-dois-bytes!, users: { ana: { password_hash: \"\(try Self.hash.get())\" } } }",
            file: "test", environment: [:]
        ).http.admin
        #expect(await Self.name(authenticator, login.token, other) == nil, "another secret")
        let changed = try PasswordHash(of: "outra senha boa").text
        let later = try CardumeConfiguration(
            yaml:
                "admin: { jwt_secret: segredo-de-trinta-e-dois-bytes-ou-mais, users: { ana: { password_hash: \"\(changed)\" } } }",
            file: "test", environment: [:]
        ).http.admin
        #expect(await Self.name(authenticator, login.token, later) == nil, "another password")
        clock.advance(599)
        #expect(await Self.name(authenticator, login.token, settings) != nil)
        clock.advance(1)
        #expect(await Self.name(authenticator, login.token, settings) == nil)
    }

    @Test func onlyWhatWasSignedForThisCounts() async throws {
        struct Claims: JWTPayload {
            let sub: SubjectClaim
            let exp: ExpirationClaim
            let iat: IssuedAtClaim
            let aud: AudienceClaim
            let stamp: String
            func verify(using _: some JWTAlgorithm) throws {}
        }
        let (clock, settings) = (Clock(), try Self.settings())
        let authenticator = AdminAuthenticator { clock.moment }
        let stamp = try #require(settings.users["ana"]?.stamp)
        func token(_ audience: String, _ user: String, _ stamp: String, secret: String) async throws -> String {
            let keys = await JWTKeyCollection().add(hmac: HMACKey(from: Data(secret.utf8)), digestAlgorithm: .sha256)
            return try await keys.sign(
                Claims(
                    sub: SubjectClaim(value: user), exp: ExpirationClaim(value: Self.now.date.addingTimeInterval(60)),
                    iat: IssuedAtClaim(value: Self.now.date), aud: AudienceClaim(value: audience), stamp: stamp))
        }
        let secret = "segredo-de-trinta-e-dois-bytes-ou-mais"
        let right = try await token("cardume/admin", "ana", stamp, secret: secret)
        #expect(await Self.name(authenticator, right, settings) == "ana admin")
        let wrong = [
            try await token("cardume/api", "ana", stamp, secret: secret),
            try await token("cardume/admin", "rui", stamp, secret: secret),
            try await token("cardume/admin", "ana", "", secret: secret),
            try await token("cardume/admin", "ana", stamp, secret: secret + "!"),
            // Signed by nobody.
            "eyJhbGciOiJub25lIn0." + right.split(separator: ".")[1] + ".",
        ]
        for token in wrong { #expect(await Self.name(authenticator, token, settings) == nil, "\(token)") }
    }

    @Test func whoGuessesWaits() async throws {
        let (clock, settings) = (Clock(), try Self.settings())
        let authenticator = AdminAuthenticator { clock.moment }
        func attempt(_ user: String, _ password: String, from address: String = "1") async -> AdminAuthenticator.Refusal? {
            do throws(AdminAuthenticator.Refusal) {
                _ = try await authenticator.logIn(user, password, from: address, settings)
                return nil
            } catch {
                return error
            }
        }
        #expect(await attempt("ana", "x") == .wrong)
        #expect(await attempt("ninguem", "x") == .wrong, "nobody is told that there is no such user")
        #expect(await attempt("ana", "y") == .wrong)
        #expect(await attempt("ana", "z") == .wrong)
        #expect(await attempt("ana", "correto cavalo") == .wait(.seconds(900)), "even the right one is not looked at")
        #expect(await attempt("ana", "correto cavalo", from: "2") == nil)
        clock.advance(900)
        #expect(await attempt("ana", "correto cavalo") == nil)
    }

    @Test func passwordsAreKeptAsTheyShould() throws {
        let hash = try PasswordHash(of: "correto cavalo")
        #expect(hash.text.hasPrefix("$scrypt$ln=15,r=8,p=1$"))
        let read = try #require(PasswordHash(hash.text))
        #expect(read.accepts("correto cavalo") && !read.accepts("correto cavalo ") && !read.accepts(""))
        #expect(try PasswordHash(of: "correto cavalo").text != hash.text, "each has a salt of its own")
        // RFC 7914, section 12: scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1), the first 32 bytes.
        let vector = try #require(
            PasswordHash("$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"))
        #expect(vector.accepts("pleaseletmein"))
        for wrong in [
            "", "plain", "$scrypt$ln=40,r=8,p=1$AAAAAAAAAAA$AAAA", "$argon2id$v=19$m=1$a$b",
            "$scrypt$ln=20,r=32,p=1$AAAAAAAAAAAA$",
        ] {
            #expect(PasswordHash(wrong) == nil, "\(wrong)")
        }
    }

    @Test func theConfigurationIsChecked() throws {
        func problems(_ yaml: String) -> String {
            do {
                _ = try CardumeConfiguration(yaml: yaml, file: "test", environment: [:])
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(problems("admin: { tokens: { a: { role: viewer } } }").contains("neither `sha256` nor `token`"))
        #expect(problems("admin: { tokens: { a: { token: curto } } }").contains("at least 16 bytes"))
        #expect(problems("admin: { tokens: { a: { sha256: abc } } }").contains("64 hex digits"))
        #expect(problems("admin: { users: { a: { password_hash: abc } } }").contains("cardume admin hash-password"))
        #expect(problems("admin: { users: { a: { role: viewer } } }").contains("is missing"))
        #expect(problems("admin: { users: { a: { role: chefe } } }").contains("viewer, operator, admin"))
        #expect(problems("admin: { jwt_secret: curto }").contains("at least 32 bytes"))
        let cluster = """
            redis: { url: "redis://x" }
            database: { url: "postgres://x/y" }
            admin: { users: { a: { password_hash: "\(try Self.hash.get())" } } }
            """
        #expect(problems(cluster).contains("required in a cluster"))
        #expect(!problems(cluster).contains("correto"))
    }
}
