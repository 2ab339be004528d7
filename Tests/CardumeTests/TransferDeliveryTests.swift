import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Conversations that go to another assistant, through the whole program.
@Suite(.serialized, .timeLimit(.minutes(4))) struct TransferDeliveryTests {
    private static var settings: SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = .zero...(.milliseconds(60))
        settings.sendLatency = .zero...(.milliseconds(2))
        settings.seed = 5
        return settings
    }

    private static let assistants = [
        "suporte": "transfers: { financeiro: boletos, comercial: planos }",
        "financeiro": "transfers: { suporte: problemas, comercial: planos }",
        "comercial": "transfers: { suporte: problemas, financeiro: boletos }",
    ]

    private static func text(_ conversation: Int, _ message: Int) -> String {
        let assistants = ["suporte", "financeiro", "comercial"]
        // Every fifth message goes somewhere, every other of these with a word of farewell.
        guard message % 5 == 3 else { return "mensagem \(message)" }
        let farewell = message % 2 == 0 ? "" : " por favor"
        return "transfira para \(assistants[(conversation + message) % 3]) mensagem \(message)\(farewell)"
    }

    /// Conversations go from assistant to assistant, by their models and from outside, while a worker is killed and another one
    /// leaves: each message is answered once and in order, whoever answers.
    @Test func transfersKeepTheOrderWhileWorkersComeAndGo() async throws {
        var options = ClusterDeployment.Options(sandbox: Self.settings)
        options.assistants = Self.assistants
        options.channel = "assistant: suporte"
        let deployment = try await ClusterDeployment(options)
        let workers = try await deployment.startAll(workers: 3)
        let (conversations, messages) = (24, 40)
        async let load: Void = withThrowingTaskGroup(of: Void.self) { group in
            for conversation in 0..<conversations {
                group.addTask {
                    for message in 0..<messages {
                        try await deployment.deliver(
                            Load.contact(conversation), "C\(conversation)M\(message)", Self.text(conversation, message))
                        if message % 9 == 7 {
                            try await Self.transfer(conversation, to: ["suporte", "comercial"][message % 2], deployment)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        try await deployment.sent(200)
        workers[0].signal(SIGKILL)
        #expect(await workers[0].end() == -SIGKILL)
        try await deployment.balance(over: 2)
        workers[1].signal(SIGTERM)
        #expect(await workers[1].end() == 0)
        try await load
        try await deployment.settle(replies: 1, within: .seconds(90))
        let answered = try await deployment.rows(
            "SELECT conversation || ' ' || turn FROM cardume.turns ORDER BY conversation, finished_at, turn")
        #expect(answered.count == conversations * messages)
        #expect(try await deployment.rows("SELECT message_id FROM cardume.dead_letters") == [])
        let transfers = workers.lines("conversation transferred").count
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        print("transfers: \(transfers) by models, \(doubts) sends in doubt")
        #expect(transfers > 50, "hardly anything was transferred")
        for conversation in 0..<conversations {
            let sends = deployment.sandbox.sends.filter { $0.number == "\(Load.contact(conversation))@s.whatsapp.net" }
            let numbers = sends.compactMap { Self.number(in: $0.text) }
            let unique = numbers.reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
            #expect(unique == unique.sorted(), "\(conversation): \(unique)")
            #expect(numbers.count - unique.count <= doubts)
        }
        let left = try await deployment.redis.cli("KEYS", "*:drains:*")
        #expect(left == "", "drains are left: \(left)")
    }

    /// Of a reply to a message of the load; `nil` for a farewell.
    private static func number(in text: String) -> Int? {
        let words = text.split(separator: " ")
        return words.firstIndex(of: "mensagem").flatMap { Int(words[$0 + 1]) }
    }

    private static func transfer(_ conversation: Int, to assistant: String, _ deployment: ClusterDeployment) async throws {
        let answer = try await deployment.request(
            "POST", "/v1/conversations/loja-uberlandia:\(Load.contact(conversation))/transfer",
            headers: ["Authorization": "Bearer \(Deployment.token)"], body: Array(#"{"to":"\#(assistant)"}"#.utf8))
        #expect(answer.status == 200, "\(answer.body)")
    }

    /// In one process, with who answers what.
    @Test func theOtherAssistantAnswers() async throws {
        let deployment = try await Deployment(
            Self.settings, assistant: "transfers: { financeiro: boletos }, prompt: S", others: ["financeiro": "prompt: F"])
        try await deployment.start()
        let contact = Load.contact(0)
        for (id, text) in [
            ("A", "bom dia"), ("B", "transfira para financeiro meu boleto"), ("C", "e a segunda via"),
        ] { try await deployment.deliver(contact, id, text) }
        try await deployment.settle(replies: 3)
        #expect(
            deployment.sandbox.sends.map(\.text) == [
                "Recebi: bom dia", "Recebi: transfira para financeiro meu boleto", "Recebi: e a segunda via",
            ])
        let turns = "SELECT name || ' ' || turn FROM turns JOIN assistants ON id = assistant ORDER BY finished_at, turn"
        #expect(try deployment.rows(turns) == ["suporte A", "financeiro B", "financeiro C"])
        let path = "/v1/conversations/loja-uberlandia:\(contact)/transfer"
        let token = ["Authorization": "Bearer \(Deployment.token)"]
        let refused = try await deployment.request("POST", path)
        #expect(refused.status == 401)
        for body in ["", "{}", #"{"to":7}"#, #"{"to":"ninguem"}"#] {
            let wrong = try await deployment.request("POST", path, headers: token, body: Array(body.utf8))
            #expect(wrong.status == 400, "\(body): \(wrong.body)")
        }
        let back = try await deployment.request("POST", path, headers: token, body: Array(#"{"to":"suporte"}"#.utf8))
        #expect(back.status == 200 && back.body.contains("transferred"), "\(back.body)")
        let again = try await deployment.request("POST", path, headers: token, body: Array(#"{"to":"suporte"}"#.utf8))
        #expect(again.body.contains("unchanged"), "\(again.body)")
        try await deployment.deliver(contact, "D", "obrigado")
        try await deployment.settle(replies: 4)
        #expect(try deployment.rows(turns).last == "suporte D")
    }
}
