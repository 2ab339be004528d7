import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Several messages answered by one turn, newer messages and late replies, through the whole program, with it really dying.
@Suite(.serialized, .timeLimit(.minutes(4))) struct BurstDeliveryTests {
    private static let texts = ["um", "dois", "três", "quatro", "cinco"]
    private static let debounce = "debounce: { wait: 3s, max_wait: 60s }"

    private static func settings(model latency: ClosedRange<Duration> = .zero...(.milliseconds(20))) -> SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = latency
        settings.sendLatency = .zero...(.milliseconds(2))
        settings.seed = 11
        return settings
    }

    /// What the replies to a contact answer, each turn on its own.
    private static func answered(_ sandbox: SandboxState, _ contact: String) -> [[String]] {
        sandbox.sends.filter { $0.number == "\(contact)@s.whatsapp.net" }.map {
            $0.text.dropFirst("Recebi: ".count).components(separatedBy: " | ")
        }
    }

    /// The second policy is the negative control.
    @Test(arguments: [(debounce, 1), ("debounce: { wait: 0s }", 5)])
    func fiveMessagesWithinTheWindowAreOneReply(_ policy: String, _ replies: Int) async throws {
        let deployment = try await Deployment(Self.settings(), assistant: policy)
        try await deployment.start()
        let contact = Load.contact(0)
        for text in Self.texts { try await deployment.deliver(contact, text, text) }
        try await deployment.settle(replies: replies)
        let turns = Self.answered(deployment.sandbox, contact)
        print("five messages, \(policy): \(turns.count) replies, \(deployment.sandbox.modelCalls) model calls")
        #expect(turns.count == replies)
        #expect(turns.flatMap(\.self) == Self.texts)
        #expect(deployment.sandbox.modelCalls == replies)
        let merged = try deployment.rows("SELECT turn FROM turns WHERE merged_into = 'um' ORDER BY turn")
        #expect(merged == (replies == 1 ? ["cinco", "dois", "quatro", "três"] : []))
        #expect(try await deployment.terminate() == 0)
    }

    @Test func aKillInsideTheWindowLosesNone() async throws {
        let deployment = try await Deployment(Self.settings(), assistant: Self.debounce)
        try await deployment.start()
        let contact = Load.contact(0)
        for text in Self.texts.prefix(3) { try await deployment.deliver(contact, text, text) }
        try await deployment.crash()
        #expect(deployment.sandbox.modelCalls == 0, "the window was over")
        try await deployment.start()
        for text in Self.texts.suffix(2) { try await deployment.deliver(contact, text, text) }
        try await deployment.settle(replies: 1)
        let turns = Self.answered(deployment.sandbox, contact)
        print("killed inside the window: \(turns)")
        #expect(turns.flatMap(\.self) == Self.texts)
        #expect(try deployment.rows("SELECT count(*) FROM turns") == ["5"])
        #expect(try deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
    }

    @Test func aStopInsideTheWindowIsQuickAndLosesNone() async throws {
        let deployment = try await Deployment(Self.settings(), assistant: "debounce: { wait: 60s, max_wait: 60s }")
        try await deployment.start()
        let contact = Load.contact(0)
        for text in Self.texts { try await deployment.deliver(contact, text, text) }
        #expect(try await deployment.terminate() == 0)
        #expect(deployment.sandbox.modelCalls == 0)
        #expect(try deployment.rows("SELECT count(*) FROM queue") == ["5"])
        try await deployment.start(environment: ["CARDUME_ASSISTANTS_SUPORTE_DEBOUNCE_WAIT": "0s"])
        try await deployment.settle(replies: 5)
        #expect(Self.answered(deployment.sandbox, contact) == Self.texts.map { [$0] })
    }

    /// Whoever posts through the API and waits hears what was answered to all of them.
    @Test func callersWhoseMessagesAreMergedHearTheSameReply() async throws {
        let deployment = try await Deployment(Self.settings(), assistant: "debounce: { wait: 1s }")
        try await deployment.start()
        let headers = ["Authorization": "Bearer \(Deployment.token)"]
        let bodies = try await withThrowingTaskGroup(of: String.self) { group in
            for text in ["um", "dois"] {
                let body = #"{"channel":"loja","contact":"5534990000001","text":"\#(text)","wait":20}"#
                group.addTask {
                    try await deployment.request("POST", "/v1/messages", headers: headers, body: Array(body.utf8)).body
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(bodies.allSatisfy { $0.contains("um | dois") || $0.contains("dois | um") }, "\(bodies)")
    }

    /// People who write while they are being answered, to workers of which one is killed and one leaves: every message is
    /// answered by one turn, in order, and no message twice.
    @Test func supersedingNeverGivesTwoReplies() async throws {
        var options = ClusterDeployment.Options(sandbox: Self.settings(model: .milliseconds(50)...(.milliseconds(400))))
        options.assistants = ["suporte": "on_new_message: supersede, debounce: { wait: 100ms, max_wait: 3s, max_messages: 5 }"]
        let deployment = try await ClusterDeployment(options)
        let workers = try await deployment.startAll(workers: 3)
        let (conversations, messages) = (24, 30)
        async let load: Void = withThrowingTaskGroup(of: Void.self) { group in
            for conversation in 0..<conversations {
                group.addTask {
                    var generator = SeededGenerator(seed: UInt64(conversation))
                    for message in 0..<messages {
                        try await deployment.deliver(
                            Load.contact(conversation), "C\(conversation)M\(message)", "mensagem \(message)")
                        try await ContinuousClock().sleep(for: .milliseconds(Int.random(in: 0...500, using: &generator)))
                    }
                }
            }
            try await group.waitForAll()
        }
        try await deployment.sent(60)
        workers[0].signal(SIGKILL)
        #expect(await workers[0].end() == -SIGKILL)
        try await deployment.balance(over: 2)
        workers[1].signal(SIGTERM)
        #expect(await workers[1].end() == 0)
        try await load
        try await deployment.settle(replies: 1, within: .seconds(90))
        let all = conversations * messages
        let merged = try await deployment.number("SELECT count(*) FROM cardume.turns WHERE merged_into IS NOT NULL")
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        let resends = try await deployment.number("SELECT sum(resends) FROM cardume.sends")
        let superseded = workers.lines("turn superseded").count
        print(
            "\(all) messages: \(all - merged) turns, \(merged) messages merged, \(superseded) turns superseded, "
                + "\(deployment.sandbox.modelCalls) model calls, \(doubts) sends in doubt, \(resends) sent again")
        #expect(superseded > 20 && merged > 100, "hardly anything was superseded")
        #expect(try await deployment.number("SELECT count(*) FROM cardume.turns") == all)
        #expect(try await deployment.rows("SELECT message_id FROM cardume.dead_letters") == [])
        let expected = (0..<messages).map { "mensagem \($0)" }
        var repeats = 0
        for conversation in 0..<conversations {
            let replies = Self.answered(deployment.sandbox, Load.contact(conversation))
            // A reply that was sent again, after a doubt, is the same one.
            let unique = replies.reduce(into: [[String]]()) { if !$0.contains($1) { $0.append($1) } }
            repeats += replies.count - unique.count
            #expect(unique.flatMap(\.self) == expected, "\(conversation): \(unique)")
        }
        #expect(repeats <= resends)
    }

    @Test func lateRepliesAreDroppedAndKept() async throws {
        let deployment = try await Deployment(
            Self.settings(model: .milliseconds(300)...(.milliseconds(300))),
            assistant: "late: { after: 100ms, action: drop }")
        try await deployment.start()
        try await deployment.deliver(Load.contact(0), "um", "um")
        try await deployment.settle(replies: 0)
        try await Waiting.until("the turn") { try deployment.rows("SELECT state FROM sends") == ["dropped"] }
        #expect(deployment.sandbox.sendRequests == 0)
        #expect(try deployment.rows("SELECT text FROM sends") == ["Recebi: um"])
        #expect(try deployment.rows("SELECT text FROM messages") == ["um"])
        #expect(try deployment.process.lines("reply is late").count == 1)
    }
}
