import CardumeTesting
import CardumeTrials
import Foundation
import TestSupport
import Testing

/// What the program promises about messages, with the program really dying.
@Suite(.serialized, .timeLimit(.minutes(6))) struct DeliveryTests {
    private static let conversations = 200
    private static let messages = 50

    private static func settings() -> SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = .zero...(.milliseconds(50))
        settings.modelFailures = 0.05
        settings.sendLatency = .zero...(.milliseconds(2))
        settings.seed = 42
        return settings
    }

    private static func check(_ deployment: Deployment) {
        let wrong = deployment.sandbox.conversationsOutOfOrder(conversations: Self.conversations, messages: Self.messages)
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
        #expect(deployment.sandbox.sends.count == Self.conversations * Self.messages)
    }

    @Test func everyMessageIsAnsweredOnceInOrder() async throws {
        let deployment = try await Deployment(Self.settings())
        try await deployment.start()
        try await deployment.deliverAll(conversations: Self.conversations, messages: Self.messages)
        try await deployment.settle(replies: Self.conversations * Self.messages)
        Self.check(deployment)
        #expect(deployment.sandbox.modelCalls > Self.conversations * Self.messages, "no call failed")
        #expect(try await deployment.terminate() == 0)
    }

    @Test func fiveCrashesLoseNothingAndRepeatNothing() async throws {
        let deployment = try await Deployment(Self.settings())
        try await deployment.start()
        async let load: Void = deployment.deliverAll(conversations: Self.conversations, messages: Self.messages)
        let all = Self.conversations * Self.messages
        for crash in 1...5 {
            while deployment.sandbox.sends.count < all * crash / 7 {
                try await ContinuousClock().sleep(for: .milliseconds(5))
            }
            try await deployment.crash()
            try await deployment.start()
        }
        try await load
        try await deployment.settle(replies: all)
        Self.check(deployment)
        let doubts = try deployment.rows("SELECT sum(ambiguous_attempts) FROM sends").first
        let resends = try deployment.rows("SELECT sum(resends) FROM sends").first
        let requests = deployment.sandbox.sendRequests
        print(
            "five crashes: \(doubts ?? "?") sends in doubt, \(resends ?? "?") sent again, \(requests) requests for \(all) replies"
        )
        #expect((doubts.flatMap { Int($0) } ?? 0) > 0, "no crash met a send: the test proved nothing")
        #expect(try deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
        #expect(try deployment.rows("SELECT count(*) FROM sends WHERE state <> 'accepted'") == ["0"])
        #expect(try await deployment.terminate() == 0)
    }

    @Test func terminationFinishesWhatRunsAndLeavesNoDoubt() async throws {
        // A gateway that is slow because the machine is busy leaves none, either.
        let deployment = try await Deployment(Self.settings(), sendTimeout: "9s")
        try await deployment.start()
        async let load: Void = deployment.deliverAll(conversations: Self.conversations, messages: Self.messages)
        let all = Self.conversations * Self.messages
        while deployment.sandbox.sends.count < all / 3 { try await ContinuousClock().sleep(for: .milliseconds(5)) }
        let begin = ContinuousClock.now
        #expect(try await deployment.terminate() == 0)
        #expect(begin.duration(to: .now) < .seconds(10), "the deadline")
        #expect(try deployment.rows("SELECT count(*) FROM sends WHERE state IN ('sending', 'unknown')") == ["0"])
        #expect(try deployment.rows("SELECT value FROM settings WHERE name = 'is_closed'") == ["1"])
        try await deployment.start()
        try await load
        try await deployment.settle(replies: all)
        Self.check(deployment)
        #expect(try deployment.rows("SELECT sum(ambiguous_attempts) FROM sends") == ["0"])
    }

    @Test func answersThatWereSentDespiteAnErrorAreNotRepeated() async throws {
        var settings = Self.settings()
        settings.sendFaults = 0.2
        settings.sendFault = .errorAfterSend
        let deployment = try await Deployment(settings)
        try await deployment.start()
        try await deployment.deliverAll(conversations: 20, messages: 10)
        try await deployment.settle(replies: 200)
        #expect(deployment.sandbox.conversationsOutOfOrder(conversations: 20, messages: 10).isEmpty)
        #expect(deployment.sandbox.sendRequests == 200, "a send was repeated")
        #expect(Int(try deployment.rows("SELECT sum(ambiguous_attempts) FROM sends")[0]) ?? 0 > 0)
    }

    @Test func answersThatWereNotSentAreSentOnceMore() async throws {
        var settings = Self.settings()
        settings.sendFaults = 0.2
        settings.sendFault = .errorBeforeSend
        let deployment = try await Deployment(settings)
        try await deployment.start()
        try await deployment.deliverAll(conversations: 20, messages: 5)
        try await deployment.settle(replies: 90)
        deployment.sandbox.update { $0.sendFaults = 0 }
        try await deployment.settle(replies: 90)
        // Two faults in a row park a reply: it may have been sent twice over, and nobody guesses a third time.
        let parked = Int(try deployment.rows("SELECT count(*) FROM sends WHERE state = 'parked'")[0]) ?? 0
        #expect(deployment.sandbox.sends.count == 100 - parked)
        #expect(try deployment.rows("SELECT count(*) FROM dead_letters WHERE category = 'send_in_doubt'") == ["\(parked)"])
        #expect(Int(try deployment.rows("SELECT max(resends) FROM sends")[0]) == 1)
    }

    @Test func poisonIsADeadLetterAfterThreeAttemptsWhileOthersGoOn() async throws {
        var settings = Self.settings()
        settings.modelFailures = 0
        settings.modelPoison = "veneno"
        let deployment = try await Deployment(settings)
        try await deployment.start()
        try await deployment.deliver("5534000000001", "P", "isto é veneno")
        try await deployment.deliver("5534000000001", "Q", "e agora?")
        try await deployment.deliverAll(conversations: 20, messages: 5)
        try await deployment.settle(replies: 101)
        #expect(try deployment.rows("SELECT message_id FROM dead_letters") == ["P"])
        #expect(try deployment.rows("SELECT attempts FROM dead_letters") == ["3"])
        #expect(deployment.sandbox.conversationsOutOfOrder(conversations: 20, messages: 5).isEmpty)
    }

    @Test func aHeldConversationSurvivesARestartAndGoesOnWhenReleased() async throws {
        var settings = Self.settings()
        settings.modelFailures = 0
        settings.modelPoison = "veneno"
        let deployment = try await Deployment(settings, assistant: "on_dead_letter: hold")
        try await deployment.start()
        let contact = Load.contact(0)
        try await deployment.deliver(contact, "P", "isto é veneno")
        for message in 0..<40 { try await deployment.deliver(contact, "C0M\(message)", "mensagem \(message)") }
        try await deployment.deliver("5534000000002", "X", "outra conversa")
        // A message in its backoff would be handed back at SIGTERM, and its attempts begin anew.
        while try deployment.sandbox.sends.isEmpty || deployment.rows("SELECT count(*) FROM dead_letters") != ["1"] {
            try await ContinuousClock().sleep(for: .milliseconds(20))
        }
        #expect(try await deployment.terminate() == 0)
        try await deployment.start()
        try await deployment.deliver("5534000000002", "Y", "mais uma")
        while deployment.sandbox.sends.count < 2 { try await ContinuousClock().sleep(for: .milliseconds(20)) }
        #expect(deployment.sandbox.sends.allSatisfy { $0.number.hasPrefix("5534000000002") }, "it was held")
        let path = "/v1/conversations/loja-uberlandia:\(contact)/release"
        let refused = try await deployment.request("POST", path)
        #expect(refused.status == 401)
        let released = try await deployment.request("POST", path, headers: ["Authorization": "Bearer \(Deployment.token)"])
        #expect(released.status == 200, "\(released.body)")
        try await deployment.settle(replies: 42)
        #expect(deployment.sandbox.conversationsOutOfOrder(conversations: 1, messages: 40).isEmpty)
    }

    @Test func aMessageThatKillsTheProcessIsParkedAfterThreeRestarts() async throws {
        var settings = Self.settings()
        settings.modelFailures = 0
        let deployment = try await Deployment(settings)
        let environment = ["CARDUME_TEST_CRASH_WORD": "explode"]
        try await deployment.start(environment: environment)
        try? await deployment.deliverOnce("5534000000001", "K", "isto explode")
        for _ in 1...3 {
            #expect(try await deployment.process.end() == -SIGKILL)
            try await deployment.start(environment: environment)
        }
        try await deployment.deliver("5534000000001", "L", "e agora?")
        try await deployment.settle(replies: 1)
        #expect(try deployment.rows("SELECT message_id FROM dead_letters WHERE category = 'crash'") == ["K"])
        #expect(deployment.sandbox.sends.map(\.text) == ["Recebi: e agora?"])
    }
}

extension Deployment {
    func deliverOnce(_ contact: String, _ id: String, _ text: String) async throws {
        _ = try await self.request(
            "POST", "/webhook/evolution", headers: ["apikey": Self.key], body: Load.webhook(contact, id, text))
    }
}
