import CardumeTesting
import CardumeTrials
import Foundation
import TestSupport

@testable import CardumeRuntime
@testable import CardumeTesting

/// A deployment that people may look into, and a browser in front of it.
struct PanelDeployment {
    static let token = "token-de-operador-mestre"
    static let password = "senha-da-ana-que-ninguem-sabe"
    /// Everything that the navigation leads to, and something behind it.
    static let views = [
        "", "queues", "queues/suporte", "dead-letters", "dead-letters/1", "replays", "replays/1", "conversations",
        "conversations/loja-uberlandia%3A5534990000000", "gateways", "settings", "settings/assistants.suporte.slots", "changes",
        "usage", "errors", "audit", "nada",
    ]

    let deployment: Deployment
    let browser: Browser
    let secret: SecretFile

    /// The file that signs logins: another content ends them.
    struct SecretFile {
        private let folder = TemporaryFolder()
        var path: String { "\(self.folder.path)/jwt" }

        init() throws { try self.change() }

        func change() throws {
            try Data("segredo-\(UUID().uuidString)-com-mais-de-32-bytes".utf8).write(to: URL(filePath: self.path))
        }
    }

    init(language: String = "en-US", sandbox: SandboxSettings = SandboxSettings(), assistant: String = "attempts: 1")
        async throws
    {
        let secret = try SecretFile()
        self.secret = secret
        let administration = """
            admin:
              token: \(Self.token)
              jwt_secret_file: \(secret.path)
              login_attempts: 2
              users:
                ana: { password_hash: "\(try PasswordHash(of: Self.password).text)", role: admin }
                olavo: { password_hash: "\(try PasswordHash(of: Self.password).text)", role: viewer }
            breakers: { minimum_calls: 1000000 }
            """
        self.deployment = try await Deployment(sandbox, assistant: assistant, extra: administration)
        try await self.deployment.start()
        self.browser = try await Browser.start(language: language)
    }

    var address: String { get throws { "http://127.0.0.1:\(try self.deployment.port)/panel/" } }

    /// Opens the panel and enters.
    func enter(as user: String = "ana", at view: String = "") async throws {
        try await self.browser.open("\(try self.address)#/\(view)")
        try await self.browser.wait(for: "document.querySelector('input[name=user]')")
        try await self.browser.perform(
            """
            const [user, password] = document.querySelectorAll('input');
            user.value = arguments[0];
            password.value = arguments[1];
            user.form.requestSubmit();
            """, user, Self.password)
        try await self.browser.wait(for: "document.querySelector('nav')")
    }

    /// Goes to a view and waits until what it shows is there.
    func show(_ view: String) async throws {
        try await self.browser.perform("location.hash = '#/' + arguments[0]", view)
        try await self.settle()
    }

    func settle() async throws {
        try await self.browser.wait(
            for: "document.querySelector('h1') && !/Loading…|Carregando…/.test(document.getElementById('main').innerText)")
    }

    /// A dead letter, number 1, of conversation 0, and a message that was answered.
    func leaveDeadLetter() async throws {
        self.deployment.sandbox.update { $0.modelPoison = "veneno" }
        try await self.deployment.deliver(Load.contact(0), "MORTA", "mensagem com veneno")
        try await Waiting.until("a dead letter") { try self.deployment.rows("SELECT count(*) FROM dead_letters") == ["1"] }
        self.deployment.sandbox.update { $0.modelPoison = "" }
        try await self.deployment.deliver(Load.contact(1), "VIVA", "mensagem boa")
        try await self.deployment.settle(replies: 1)
    }

    /// What a script of ``PanelInspection`` finds wrong.
    func find(_ script: String) async throws -> [String] {
        try await self.browser.run(script)
    }
}
