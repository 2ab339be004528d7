import CardumeCore
import Crypto
import Foundation

/// Who may use /admin.
public struct AdminSettings: Sendable {
    struct Token: Sendable {
        let name: String
        let role: AdminRole
        /// SHA-256 of the token.
        let digest: [UInt8]
    }

    struct User: Sendable {
        let role: AdminRole
        let hash: PasswordHash
        /// Changes with the password: what was given to the old one does not count any more.
        let stamp: String
    }

    let tokens: [Token]
    let users: [String: User]
    let jwtSecret: String?
    let session: Duration
    let attempts: LoginGuard.Policy
    /// Letters in a second.
    public let replayRate: Double

    /// Whether anybody may use /admin at all.
    public var isOpen: Bool { !self.tokens.isEmpty || !self.users.isEmpty }

    init(_ root: ConfigurationSection) {
        let section = root.section("admin")
        var tokens = section.section("tokens").items.compactMap { item -> Token? in
            let digest =
                item.optional("token").map { Array(SHA256.hash(data: Data($0.utf8))) }
                ?? Self.digest(item.text("sha256"))
            guard let digest else { return nil }
            return Token(name: item.path.last ?? "", role: AdminRole(rawValue: item.text("role")) ?? .viewer, digest: digest)
        }
        // Whoever has it says by a header who they are.
        if let token = section.optional("token") {
            tokens.append(Token(name: "", role: .admin, digest: Array(SHA256.hash(data: Data(token.utf8)))))
        }
        self.tokens = tokens
        let users = section.section("users").items.compactMap { item -> (String, User)? in
            let text = item.text("password_hash")
            guard let hash = PasswordHash(text), let name = item.path.last else { return nil }
            let stamp = SHA256.hash(data: Data(text.utf8)).prefix(8).map { String($0, radix: 16) }.joined(separator: ".")
            return (name, User(role: AdminRole(rawValue: item.text("role")) ?? .viewer, hash: hash, stamp: stamp))
        }
        self.users = Dictionary(users) { first, _ in first }
        self.jwtSecret = section.optional("jwt_secret")
        self.session = section.duration("session")
        self.attempts = LoginGuard.Policy(
            attempts: section.integer("login_attempts"), window: section.duration("login_window"))
        self.replayRate = Double(section.text("replay_rate")) ?? 50
    }

    private static func digest(_ hex: String) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == 64, hex.utf8.count == 64 else { return nil }
        return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues, isCluster: Bool) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        func refuse(_ path: [String], _ message: String) {
            problems.append(
                ConfigurationProblem(place: values.place(path), key: path.joined(separator: "."), message: message))
        }
        for name in values.names(under: ["admin", "tokens"]) {
            let path = ["admin", "tokens", name]
            let (token, digest) = (values.text(path + ["token"]) ?? "", values.text(path + ["sha256"]) ?? "")
            if token.isEmpty, digest.isEmpty {
                refuse(path + ["sha256"], "the token has neither `sha256` nor `token`")
            } else if !token.isEmpty, token.utf8.count < 16 {
                refuse(path + ["token"], "must have at least 16 bytes")
            } else if token.isEmpty, Self.digest(digest) == nil {
                refuse(path + ["sha256"], "expected 64 hex digits")
            }
        }
        for name in values.names(under: ["admin", "users"]) {
            let path = ["admin", "users", name, "password_hash"]
            let hash = values.text(path) ?? ""
            if PasswordHash(hash) == nil {
                refuse(path, hash.isEmpty ? "is missing" : "expected what `cardume admin hash-password` prints")
            }
        }
        let secret = values.text(["admin", "jwt_secret"]) ?? ""
        if !secret.isEmpty, secret.utf8.count < 32 {
            refuse(["admin", "jwt_secret"], "must have at least 32 bytes (RFC 7518, section 3.2)")
        }
        if secret.isEmpty, isCluster, values.use.contains(.logins), !values.names(under: ["admin", "users"]).isEmpty {
            refuse(["admin", "jwt_secret"], "is required in a cluster with `admin.users`: a login counts on every process")
        }
        return problems
    }
}
