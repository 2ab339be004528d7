import AsyncHTTPClient
import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeRuntime
@testable import CardumeTesting

/// `/admin` of the real program: who may do what, and what they find.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AdminTests {
    private static let token = "token-de-operador-mestre"
    private static let password = "senha-da-ana-que-ninguem-sabe"
    private static let secret = "segredo-de-assinatura-com-mais-de-32-bytes"
    private static let tokens = ["viewer": "token-de-quem-so-olha", "operator": "token-de-quem-opera"]

    private static func administration() throws -> String {
        """
        admin:
          token: \(Self.token)
          jwt_secret: \(Self.secret)
          login_attempts: 3
          tokens:
            olheiro: { token: \(Self.tokens["viewer"] ?? "") }
            plantao: { token: \(Self.tokens["operator"] ?? ""), role: operator }
          users:
            ana: { password_hash: "\(try PasswordHash(of: Self.password).text)", role: operator }
        breakers: { minimum_calls: 1000000 }
        """
    }

    private struct Document: Decodable {
        struct Operation: Decodable {
            let operationId: String
            let role: String?
            let responses: [String: Empty]

            private enum CodingKeys: String, CodingKey {
                case operationId, responses
                case role = "x-role"
            }
        }

        struct Empty: Decodable {}

        let paths: [String: [String: Operation]]
    }

    private static func header(_ token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }

    /// A path of the document with something in the place of each name.
    private static func path(_ template: String) -> String {
        template.replacing("{queue}", with: "suporte").replacing("{letter}", with: "1").replacing("{replay}", with: "1")
            .replacing("{conversation}", with: "loja:1").replacing("{path}", with: "suporte.slots")
    }

    /// Again where the connection was just closed by the server, which does not read the bodies of those it turns away.
    private static func call(
        _ door: some Doorway, _ method: String, _ template: String, headers: [String: String], body: [UInt8]?
    ) async throws -> Answer {
        try await Waiting.value(of: "an answer") {
            try await door.request(method.uppercased(), Self.path(template), headers: headers, body: body)
        }
    }

    private static func document(_ door: some Doorway) async throws -> Document {
        let answer = try await door.request("GET", "/admin/openapi.json", headers: Self.header(Self.token))
        #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
        return try JSONDecoder().decode(Document.self, from: Data(answer.body.utf8))
    }

    // MARK: Who may do what

    @Test func nobodyGetsInWithoutAKeyAndRolesHold() async throws {
        let deployment = try await Deployment(extra: try Self.administration())
        try await deployment.start()
        let document = try await Self.document(deployment)
        #expect(document.paths.count > 25)
        var tried = 0
        for (template, operations) in document.paths.sorted(by: { $0.key < $1.key }) {
            for method in ["get", "post", "put", "patch", "delete", "options", "head"] {
                for headers in [[:], Self.header("errado"), ["Cookie": "token=\(Self.token)"], ["Authorization": "Basic x"]] {
                    let answer = try await Self.call(
                        deployment, method, template, headers: headers, body: Array("{}".utf8))
                    let isLogin = template == "/admin/login" && method == "post"
                    #expect(answer.status == (isLogin ? 400 : 401), "\(method) \(template): \(answer.status)")
                    tried += 1
                }
                guard let operation = operations[method], operation.operationId != "session.begin" else { continue }
                let needed = operation.role ?? "viewer"
                for (role, token) in Self.tokens {
                    let isAllowed = needed == "viewer" || needed == role
                    // Nothing is done: the bodies say nothing.
                    let body: [UInt8]? = method == "get" ? nil : Array("[]".utf8)
                    let answer = try await Self.call(deployment, method, template, headers: Self.header(token), body: body)
                    #expect((answer.status == 403) == !isAllowed, "\(role) \(method) \(template): \(answer.status)")
                    #expect(answer.status != 401 && answer.status < 500)
                    #expect(
                        operation.responses[String(answer.status)] != nil,
                        "\(method) \(template): \(answer.status) is not in the document")
                }
            }
        }
        print("tried \(tried) calls without a key")
        #expect(try await deployment.terminate() == 0)
    }

    @Test func whatTheDocumentSaysIsWhatThereIs() async throws {
        let deployment = try await Deployment(extra: try Self.administration())
        try await deployment.start()
        let document = try await Self.document(deployment)
        var described: Set<String> = []
        for (template, operations) in document.paths {
            for (method, operation) in operations {
                described.insert("\(operation.operationId) \(method) \(template) \(operation.role ?? "viewer")")
            }
        }
        let table = AdminAPI.table.map { route in
            let path = route.path.split(separator: "/").map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }
            return
                "\(route.name) \(route.method.rawValue.lowercased()) /\(path.joined(separator: "/")) \(route.role?.rawValue ?? "viewer")"
        }
        #expect(Set(table).subtracting(described) == [], "not described")
        #expect(described.subtracting(table) == [], "not there")
        #expect(try await deployment.terminate() == 0)
    }

    @Test func withoutAnybodyConfiguredItIsNotThere() async throws {
        let deployment = try await Deployment()
        try await deployment.start()
        for (method, path) in [("GET", "/admin/status"), ("POST", "/admin/login"), ("GET", "/admin/openapi.json")] {
            let answer = try await deployment.request(method, path, headers: Self.header(""), body: nil)
            #expect(answer.status == 404, "\(path)")
        }
        #expect(try await deployment.terminate() == 0)
    }

    @Test func loginsAreShortAuditedAndInNoLine() async throws {
        let deployment = try await Deployment(extra: try Self.administration())
        try await deployment.start()
        func logIn(_ user: String, _ password: String) async throws -> Answer {
            try await deployment.request(
                "POST", "/admin/login", body: Array(#"{"user": "\#(user)", "password": "\#(password)"}"#.utf8))
        }
        struct Login: Decodable {
            let token: String
            let role: String
            let expires_at: String
        }
        let answer = try await logIn("ana", Self.password)
        #expect(answer.status == 200, "\(answer.body)")
        let login = try JSONDecoder().decode(Login.self, from: Data(answer.body.utf8))
        #expect(login.role == "operator")
        let session = try await deployment.request("GET", "/admin/session", headers: Self.header(login.token))
        #expect(
            session.status == 200 && session.body.contains(#""name":"ana""#) && session.headers["cache-control"] == "no-store")
        let pause = try await deployment.request(
            "POST", "/admin/queues/suporte/pause", headers: Self.header(login.token),
            body: Array(#"{"reason": "manutenção"}"#.utf8))
        #expect(pause.status == 200, "\(pause.body)")
        let purge = try await deployment.request(
            "POST", "/admin/dead-letters/purge", headers: Self.header(login.token), body: Array("{}".utf8))
        #expect(purge.status == 403)
        let unknown = try await logIn("ninguem", "senha-errada-um")
        let wrong = try await logIn("ana", "senha-errada-dois")
        #expect(unknown.status == 401 && wrong.status == 401)
        func code(_ answer: Answer) -> String? { answer.body.components(separatedBy: "\"message\"").last }
        #expect(code(unknown) == code(wrong), "nobody is told which of the two was wrong")
        for _ in 0..<2 { _ = try await logIn("ana", "senha-errada-dois") }
        let limited = try await logIn("ana", Self.password)
        #expect(limited.status == 429 && limited.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)

        let audit = try await deployment.request("GET", "/admin/audit", headers: Self.header(Self.token))
        struct Page: Decodable {
            struct Line: Decodable {
                let who: String
                let action: String
                let target: String
                let detail: String?
                let status: Int?
            }
            let audit: [Line]
        }
        let lines = try JSONDecoder().decode(Page.self, from: Data(audit.body.utf8)).audit
        #expect(
            lines.map { "\($0.who) \($0.action) \($0.status ?? 0)" }.reversed() == [
                "ana session.begin 200", "ana queues.pause 200", "ninguem session.begin 401", "ana session.begin 401",
                "ana session.begin 401", "ana session.begin 401",
            ])
        #expect(lines.first { $0.action == "queues.pause" }?.detail == "reason: manutenção")
        #expect(try await deployment.terminate() == 0)
        let output = try deployment.process.output
        let secrets =
            [Self.token, Self.password, Self.secret, login.token, "senha-errada", "$scrypt"] + Self.tokens.values
        for secret in secrets { #expect(!output.contains(secret), "in the log: \(secret.prefix(12))…") }
        #expect(output.contains("changed by an operator"))
        #expect(try deployment.rows("SELECT count(*) FROM admin_audit WHERE detail LIKE '%senha%'") == ["0"])
    }

    @Test func aPasswordIsHashedByTheCommand() async throws {
        let process = Process()
        process.executableURL = CardumeProcess.binary
        process.arguments = ["admin", "hash-password"]
        let (input, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, output)
        try process.run()
        input.fileHandleForWriting.write(Data("\(Self.password)\n".utf8))
        try input.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && PasswordHash(text.trimmingCharacters(in: .whitespacesAndNewlines)) != nil)
        #expect(!text.contains(Self.password))
    }
}
