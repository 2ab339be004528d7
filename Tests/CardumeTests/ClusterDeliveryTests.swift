import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Several real processes over a real Redis and a real PostgreSQL, and what happens when processes come and go.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ClusterDeliveryTests {
    private static func settings(model latency: Duration = .milliseconds(50)) -> SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = .zero...latency
        settings.sendLatency = .zero...(.milliseconds(2))
        settings.seed = 7
        return settings
    }

    private static func options(model latency: Duration = .milliseconds(50)) -> ClusterDeployment.Options {
        ClusterDeployment.Options(sandbox: Self.settings(model: latency))
    }

    @Test func threeWorkersAnswerEverythingOnceInOrder() async throws {
        var options = Self.options()
        options.sandbox.modelFailures = 0.05
        let deployment = try await ClusterDeployment(options)
        let workers = try await deployment.startAll(workers: 3)
        try await deployment.deliverAll(conversations: 60, messages: 20)
        try await deployment.settle(replies: 1_200)
        try await deployment.check(conversations: 60, messages: 20)
        #expect(deployment.sandbox.modelCalls > 1_200, "no call failed")
        for worker in workers { #expect(worker.lines("reply sent").count > 200, "did not take its share") }

        // Another process answers than the one that was asked.
        let answer = try await deployment.request(
            "POST", "/v1/messages", headers: ["Authorization": "Bearer \(Deployment.token)"],
            body: Array(#"{"channel":"loja","contact":"5534","text":"bom dia","wait":20}"#.utf8))
        #expect(answer.status == 200)
        #expect(answer.body.contains(#""replies":["Recebi: bom dia"]"#), "\(answer.body)")
        for worker in workers { worker.signal(SIGTERM) }
        for worker in workers { #expect(await worker.end() == 0) }
    }

    @Test func aKilledWorkersConversationsGoOnElsewhere() async throws {
        let deployment = try await ClusterDeployment(Self.options(model: .milliseconds(200)))
        let workers = try await deployment.startAll(workers: 3)
        let before = try await deployment.leases()
        async let load: Void = deployment.deliverAll(conversations: 60, messages: 20, pause: .milliseconds(100))
        try await deployment.sent(300)
        let instant = Int64(Date().timeIntervalSince1970 * 1_000)
        workers[0].signal(SIGKILL)
        #expect(await workers[0].end() == -SIGKILL)
        let after = try await deployment.balance(over: 2)
        #expect(after.moved(since: before) >= 20)
        try await load
        try await deployment.settle(replies: 1_200)
        try await deployment.check(conversations: 60, messages: 20)
        let suspects = workers.lines("message was running when the process died").count
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        let gap = Self.longestSilence(deployment.sandbox.sends, after: instant)
        print("kill -9: silent for at most \(gap) ms, \(doubts) sends in doubt, \(suspects) messages suspected")
        #expect(gap > 1_000, "nobody noticed: the test proved nothing")
        // Time to live, 2 s for the takeover, 2.1 s until a send in doubt may be repeated, and patience for a busy machine.
        #expect(gap < 12_000)
        #expect(deployment.sandbox.sendRequests - 1_200 <= doubts)
    }

    /// Of any conversation, in milliseconds.
    private static func longestSilence(_ sends: [SandboxSend], after instant: Int64) -> Int64 {
        Dictionary(grouping: sends) { $0.number }.values.reduce(0) { longest, sends in
            let times = [instant] + sends.map(\.at).filter { $0 >= instant }.sorted()
            return zip(times, times.dropFirst()).reduce(longest) { max($0, $1.1 - $1.0) }
        }
    }

    @Test func terminationHandsOverWithoutDoubt() async throws {
        let deployment = try await ClusterDeployment(Self.options(model: .milliseconds(200)))
        let workers = try await deployment.startAll(workers: 2)
        let before = try await deployment.leases()
        async let load: Void = deployment.deliverAll(conversations: 60, messages: 20, pause: .milliseconds(50))
        try await deployment.sent(300)
        let instant = Int64(Date().timeIntervalSince1970 * 1_000)
        workers[0].signal(SIGTERM)
        #expect(await workers[0].end() == 0)
        let after = try await deployment.balance(over: 1)
        #expect(after.moved(since: before) == 32)
        try await load
        try await deployment.settle(replies: 1_200)
        try await deployment.check(conversations: 60, messages: 20)
        let gap = Self.longestSilence(deployment.sandbox.sends, after: instant)
        print("SIGTERM: silent for at most \(gap) ms")
        #expect(gap < 5_000)
        #expect(try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends") == 0)
        #expect(workers.lines("message was running when the process died").isEmpty)
        #expect(deployment.sandbox.sendRequests == 1_200)
    }

    @Test func aWorkerThatWasAsleepCommitsNothing() async throws {
        let deployment = try await ClusterDeployment(Self.options(model: .milliseconds(400)))
        let workers = try await deployment.startAll(workers: 3)
        let before = try await deployment.leases()
        async let load: Void = deployment.deliverAll(conversations: 60, messages: 20, pause: .milliseconds(100))
        try await deployment.sent(200)
        workers[0].signal(SIGSTOP)
        let after = try await deployment.balance(over: 2)
        #expect(after.moved(since: before) >= 20)
        try await deployment.sent(deployment.sandbox.sends.count + 100)
        workers[0].signal(SIGCONT)
        try await deployment.balance(over: 3)
        try await load
        try await deployment.settle(replies: 1_200)
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        try await deployment.check(conversations: 60, messages: 20, repeats: doubts)
        let lost = [workers[0]].sum("lost")
        let fenced = workers[0].lines("partition given up").count
        print("SIGSTOP: \(lost) partitions lost, \(fenced) commits refused, \(doubts) sends in doubt")
        #expect(lost + fenced >= 20, "it did not notice")
        #expect(deployment.sandbox.sendRequests - 1_200 <= doubts)
    }

    @Test func workersComeAndGoUnderLoad() async throws {
        let deployment = try await ClusterDeployment(Self.options())
        var workers = try await deployment.startAll(workers: 1)
        async let load: Void = deployment.deliverAll(conversations: 40, messages: 40, pause: .milliseconds(150))
        try await deployment.sent(100)
        workers += try await deployment.startWorkers(3)
        let spread = try await deployment.balance(over: 4)
        #expect(spread.counts.values.allSatisfy { (14...18).contains($0) })
        try await deployment.sent(deployment.sandbox.sends.count + 200)
        for worker in workers[..<3] {
            worker.signal(SIGTERM)
            #expect(await worker.end() == 0)
        }
        try await deployment.balance(over: 1)
        #expect(deployment.sandbox.sends.count < 1_600, "the load was over too early")
        try await load
        try await deployment.settle(replies: 1_600)
        try await deployment.check(conversations: 40, messages: 40)
        for worker in workers { #expect(!worker.lines("reply sent").isEmpty) }
        #expect(try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends") == 0)
        #expect(deployment.sandbox.sendRequests == 1_600)
    }

    @Test func aMessageThatKillsWorkersIsParkedAfterThree() async throws {
        let deployment = try await ClusterDeployment(Self.options())
        let workers = try await deployment.startAll(workers: 4, environment: ["CARDUME_TEST_CRASH_WORD": "explode"])
        async let load: Void = deployment.deliverAll(conversations: 20, messages: 20, pause: .milliseconds(400))
        try await deployment.deliver("5534000000001", "K", "isto explode")
        try await deployment.deliver("5534000000001", "L", "e agora?")
        try await load
        try await deployment.settle(replies: 401)
        #expect(
            try await deployment.rows("SELECT message_id, category FROM cardume.dead_letters") == ["K|crash"])
        #expect(workers.count(where: \.hasEnded) == 3)
        let others = deployment.sandbox.conversationsOutOfOrder(conversations: 20, messages: 20)
        #expect(others.isEmpty, "\(others.prefix(3))")
        #expect(deployment.sandbox.sends.contains { $0.text == "Recebi: e agora?" })
    }

    @Test func aHeldConversationIsReleasedThroughAGatewayThatDoesNotOwnIt() async throws {
        var options = Self.options()
        options.sandbox.modelPoison = "veneno"
        options.assistants = ["suporte": "on_dead_letter: hold"]
        let deployment = try await ClusterDeployment(options)
        _ = try await deployment.startAll(workers: 2)
        let contact = Load.contact(0)
        try await deployment.deliver(contact, "P", "isto é veneno")
        for message in 0..<40 { try await deployment.deliver(contact, "C0M\(message)", "mensagem \(message)") }
        try await deployment.deliver("5534000000002", "X", "outra conversa")
        try await Waiting.until("the dead letter") {
            try await deployment.number("SELECT count(*) FROM cardume.dead_letters") == 1
        }
        try await deployment.sent(1)
        #expect(deployment.sandbox.sends.map(\.text) == ["Recebi: outra conversa"], "it was not held")
        let released = try await deployment.request(
            "POST", "/v1/conversations/loja-uberlandia:\(contact)/release",
            headers: ["Authorization": "Bearer \(Deployment.token)"])
        #expect(released.status == 200, "\(released.body)")
        try await deployment.settle(replies: 41)
        #expect(deployment.sandbox.conversationsOutOfOrder(conversations: 1, messages: 40).isEmpty)
    }

    @Test func aWorkerServesOnlyItsQueues() async throws {
        var options = Self.options()
        options.assistants = ["suporte": "", "vendas": ""]
        options.channel = "keywords: { comprar: vendas }"
        let deployment = try await ClusterDeployment(options)
        let support = try await deployment.start("worker", environment: ["CARDUME_QUEUES": "suporte"])
        let sales = try await deployment.start("worker", environment: ["CARDUME_QUEUES": "vendas"])
        try await deployment.startGateway()
        let leases = try await deployment.balance(over: 2)
        let owners = Dictionary(grouping: leases.holders) { $0.key.prefix { $0 != "/" } }.mapValues { Set($0.map(\.value)) }
        #expect(owners["suporte"]?.count == 1 && owners["vendas"]?.count == 1)
        #expect(owners["suporte"] != owners["vendas"])
        for index in 0..<20 {
            try await deployment.deliver(Load.contact(index), "A\(index)", index % 2 == 0 ? "bom dia" : "quero comprar")
        }
        try await deployment.settle(replies: 20)
        #expect(support.lines("reply sent").count == 10)
        #expect(support.lines("reply sent").allSatisfy { $0.contains("\"assistant\":\"suporte\"") })
        #expect(sales.lines("reply sent").count == 10)
        #expect(sales.lines("reply sent").allSatisfy { $0.contains("\"assistant\":\"vendas\"") })
    }
}
