import AsyncHTTPClient
import CardumeTesting
import CardumeTrials
import Foundation
import NIOCore
import Testing

/// Budgets and ceilings of cost in the real program, embedded.
@Suite(.serialized, .timeLimit(.minutes(3))) struct BudgetDeliveryTests {
    private static func settings(requests: Int, window: ModelRateLimiter.Window) -> SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(5)...(.milliseconds(100))
        settings.sendLatency = .zero...(.milliseconds(1))
        settings.modelLimits = ModelRateLimiter.Limits(requests: requests, tokens: 10_000_000)
        settings.modelWindow = window
        return settings
    }

    @Test func whatExceedsTheBudgetWaitsAndUsesUpNoAttempt() async throws {
        let deployment = try await Deployment(Self.settings(requests: 1_200, window: .sliding))
        try await deployment.start(environment: ["CARDUME_MODEL_REQUESTS_PER_MINUTE": "1200"])
        let begin = ContinuousClock.now
        try await deployment.deliverAll(conversations: 150, messages: 1)
        try await deployment.settle(replies: 150)
        // A second's worth at once, the rest evenly: (150 - 21) / 19.6 per second.
        #expect(ContinuousClock.now - begin > .seconds(5))
        #expect(deployment.sandbox.modelUse.refused == 0)
        #expect(deployment.sandbox.modelCalls == 150)
        #expect(try deployment.rows("SELECT max(attempt) FROM turns") == ["1"])
        #expect(try deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
        #expect(try deployment.rows("SELECT requests FROM usage_daily") == ["150"])
        let sums = "SELECT sum(prompt_tokens) = (SELECT sum(prompt_tokens) FROM turns) FROM usage_daily"
        #expect(try deployment.rows(sums) == ["1"])
        #expect(try await deployment.terminate() == 0)
    }

    /// Somebody else with the same key has used everything up, and nobody has configured any limit: what the server refuses is
    /// neither lost nor given up.
    @Test func refusedTurnsWaitForTheServer() async throws {
        let deployment = try await Deployment(Self.settings(requests: 120, window: .bucket))
        let model = try #require(deployment.configuration.firstMatch(of: #/http://[^"]*/v1/#)).output
        // Before the bucket is emptied: it fills again by two in a second.
        try await deployment.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<120 {
                group.addTask {
                    var request = HTTPClientRequest(url: "\(model)/chat/completions")
                    request.method = .POST
                    request.body = .bytes(ByteBuffer(string: #"{"model":"m","messages":[{"role":"user","content":"oi"}]}"#))
                    _ = try await HTTPClient.shared.execute(request, timeout: .seconds(20)).body.collect(upTo: 1 << 20)
                }
            }
            try await group.waitForAll()
        }
        let others = deployment.sandbox.modelUse
        try await deployment.deliverAll(conversations: 40, messages: 1)
        try await deployment.settle(replies: 40)
        #expect(deployment.sandbox.modelUse.refused > others.refused, "the server refused nothing: the test proved nothing")
        #expect(deployment.sandbox.modelUse.admitted == others.admitted + 40)
        #expect(try deployment.rows("SELECT max(attempt) FROM turns") == ["1"])
        #expect(try deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
        #expect(try await deployment.terminate() == 0)
    }

    @Test func atTheCeilingOfItsCostAnAssistantSaysSo() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .zero...(.milliseconds(5))
        let deployment = try await Deployment(
            settings, assistant: "daily_cost_limit: 25, cost_limit_message: \"até amanhã\", time_zone: UTC")
        // One for each token read: "mensagem 0" has three.
        let price = ["CARDUME_MODEL_PRICE_INPUT_PER_MILLION": "1000000"]
        try await deployment.start(environment: price)
        for number in 0..<9 {
            try await deployment.deliver(Load.contact(0), "M\(number)", "mensagem \(number)")
            try await deployment.settle(replies: number + 1)
        }
        try await deployment.crash()
        try await deployment.start(environment: price)
        for number in 9..<13 {
            try await deployment.deliver(Load.contact(0), "M\(number)", "mensagem \(number)")
            try await deployment.settle(replies: number + 1)
        }
        // 9 · 3 = 27: reached after the ninth, and still after the crash.
        #expect(
            deployment.sandbox.sends.map(\.text) == (0..<9).map { "Recebi: mensagem \($0)" }
                + Array(repeating: "até amanhã", count: 4))
        #expect(try deployment.rows("SELECT requests || ' ' || cost_micros FROM usage_daily") == ["9 27000000"])
        #expect(try await deployment.terminate() == 0)
    }
}
