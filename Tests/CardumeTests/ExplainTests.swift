import CardumeCore
import CardumeRuntime
import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// `cardume explain`, asked of real processes.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ConversationExplainTests {
    private static let token = "token-de-operador"
    private static let administrator = ["Authorization": "Bearer \(Self.token)"]

    private static func name(_ contact: Int) -> String { "loja-uberlandia:\(Load.contact(contact))" }

    private static func explain(_ contact: Int, at door: some Doorway, expecting status: Int = 200) async throws
        -> ExplanationBody
    {
        let answer = try await door.request(
            "GET", "/admin/conversations/\(Self.name(contact))/explain", headers: Self.administrator)
        guard answer.status == status else { throw ServerError("\(answer.status): \(answer.body)") }
        return try JSONDecoder().decode(ExplanationBody.self, from: Data(answer.body.utf8))
    }

    private static func waiting(
        _ contact: Int, for cause: Obstacle.Cause, at door: some Doorway
    ) async throws -> ExplanationBody {
        try await Waiting.value(of: "\(cause)") {
            let body = try await Self.explain(contact, at: door)
            guard body.explanation.obstacle?.cause == cause else { throw ServerError("\(body)") }
            return body
        }
    }

    @Test func oneProcessNamesRetriesPausesAndHolds() async throws {
        var sandbox = SandboxSettings()
        sandbox.modelPoison = "veneno"
        let deployment = try await Deployment(
            sandbox, extra: "admin: { token: \(Self.token) }")
        let policy = ["CARDUME_ASSISTANTS_SUPORTE_BACKOFF": "60s", "CARDUME_ASSISTANTS_SUPORTE_ATTEMPTS": "20"]
        try await deployment.start(environment: policy)
        let unknown = try await deployment.request(
            "GET", "/admin/conversations/\(Self.name(9))/explain", headers: Self.administrator)
        #expect(unknown.status == 404 && unknown.body.contains("nobody knows"))
        for (path, headers, status) in [
            ("x", Self.administrator, 400), (Self.name(0), [:], 401), ("", Self.administrator, 400),
        ] {
            let answer = try await deployment.request("GET", "/admin/conversations/\(path)/explain", headers: headers)
            #expect(answer.status == status, "\(path): \(answer.body)")
        }

        try await deployment.deliver(Load.contact(0), "C0M0", "veneno")
        let retry = try await Self.waiting(0, for: .retry, at: deployment)
        #expect(retry.text.contains("of 20): ") && retry.explanation.messages == 1, "\(retry)")
        #expect(retry.explanation.queue == "suporte" && retry.explanation.hasUnsettled == true)

        let pause = try await deployment.request(
            "PUT", "/admin/settings/suporte.paused", headers: Self.administrator,
            body: Array(#"{"value": true, "expires_in": "1h"}"#.utf8))
        #expect(pause.status == 200)
        try await deployment.deliver(Load.contact(1), "C1M0", "oi")
        let paused = try await Self.waiting(1, for: .paused, at: deployment)
        #expect(paused.text.hasPrefix("assistant suporte is paused until ") && paused.explanation.obstacle?.until != nil)
        _ = try await deployment.request("DELETE", "/admin/settings/suporte.paused", headers: Self.administrator)
        try await Waiting.until("the reply") { deployment.sandbox.sends.count == 1 }
        try await Waiting.until("rest") { try await Self.explain(1, at: deployment).explanation.state == .idle }
        #expect(try await Self.explain(1, at: deployment).text == "waits for nothing: everything is answered")

        #expect(try await deployment.terminate() == 0)
        try await deployment.start(
            environment: ["CARDUME_ASSISTANTS_SUPORTE_ATTEMPTS": "1", "CARDUME_ASSISTANTS_SUPORTE_ON_DEAD_LETTER": "hold"])
        try await deployment.deliver(Load.contact(0), "C0M1", "oi")
        let held = try await Self.waiting(0, for: .held, at: deployment)
        #expect(held.text == "is held by a dead letter until somebody releases it")
        try await Waiting.until("the journal's word") { try await Self.explain(0, at: deployment).explanation.isHeld == true }
        let command = try CardumeProcess(
            ["explain", Self.name(0)],
            environment: [
                "CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(try deployment.port)",
            ], folder: deployment.folder.path)
        #expect(await command.end() == 0)
        #expect(command.output.contains("\(Self.name(0)) is held by a dead letter"), "\(command.output)")
        #expect(command.output.contains("held in the journal") && command.output.contains("queue suporte"))
        print(command.output)
        #expect(try await deployment.terminate() == 0)
    }

    @Test func aGatewayAsksTheOwnerAndSaysWhenItIsGone() async throws {
        var options = ClusterDeployment.Options()
        options.sandbox.modelPoison = "veneno"
        let deployment = try await ClusterDeployment(options)
        let environment = [
            "CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_ASSISTANTS_SUPORTE_BACKOFF": "60s",
            "CARDUME_ASSISTANTS_SUPORTE_ATTEMPTS": "20",
        ]
        // On one machine each has a port of its own, which others are told.
        func startWorker() async throws -> (process: CardumeProcess, port: Int) {
            let port = FreePort.take()
            let own = ["CARDUME_HTTP_PORT": "\(port)", "CARDUME_HTTP_ADVERTISE": "http://127.0.0.1:\(port)"]
            return (try await deployment.start("worker", environment: environment.merging(own) { $1 }), port)
        }
        var workers = [try await startWorker(), try await startWorker()]
        try await deployment.startGateway(environment: environment)
        try await deployment.balance(over: 2)
        try await deployment.deliver(Load.contact(0), "C0M0", "veneno")
        let retry = try await Self.waiting(0, for: .retry, at: deployment)
        print("asked at the gateway: \(retry.text)")
        #expect(retry.explanation.messages == 1 && retry.explanation.hasUnsettled == true)
        let owner = try #require(retry.explanation.owner)
        let addresses = try await deployment.rows("SELECT address FROM cardume.members WHERE id = '\(owner)'")
        let port = try #require(addresses.first?.split(separator: ":").last.flatMap { Int($0) })
        let victim = workers.remove(at: try #require(workers.firstIndex { $0.port == port })).process
        // The other worker does not own it, and asks too.
        let other = try await Self.waiting(0, for: .retry, at: SingleDoor(port: workers[0].port))
        #expect(other.explanation.owner == owner)

        // Where somebody else answers than the one that was meant, nobody takes his word for the owner's.
        let door = SingleDoor(port: workers[0].port)
        let misdirected = try await door.request(
            "GET", "/admin/conversations/\(Self.name(0))/explain",
            headers: Self.administrator.merging(["X-Cardume-Holder": owner.rawValue]) { $1 })
        #expect(misdirected.status == 421, "\(misdirected.body)")

        victim.signal(SIGKILL)
        await victim.end()
        // Until its time has run out nobody knows that it is dead, and until the other has taken over it is gone: either is said.
        let at = try await Self.explain(0, at: deployment)
        let cause = try #require(at.explanation.obstacle?.cause, "\(at)")
        #expect(cause == .ownerUnreachable || cause == .ownerGone, "\(at)")
        #expect(at.text.contains("its owner, \(owner), ") && at.text.contains("another process takes over within"), "\(at)")
        print("killed: \(at.text)")
        let next = try await Self.waiting(0, for: .retry, at: deployment)
        #expect(next.explanation.owner != nil && next.explanation.owner != owner)

        // Nobody is left who could take it over.
        workers[0].process.signal(SIGKILL)
        await workers[0].process.end()
        let gone = try await Self.waiting(0, for: .ownerGone, at: deployment)
        #expect(gone.text == "its owner, \(next.explanation.owner!), is gone, and no live process serves suporte")
        print("all killed: \(gone.text)")
        _ = try await startWorker()
        let last = try await Self.waiting(0, for: .retry, at: deployment)
        #expect(last.explanation.owner != gone.explanation.owner)
    }
}
