import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Follow-ups and closings through the whole program, by the real clock.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TimerDeliveryTests {
    private static let timers = """
        timers: { follow_up: { after: 2s, say: "Ainda está aí?" }, \
        auto_close: { after: 4s, say: "Até logo!", closes: true }, nps: { after: 1s, from: closing, say: "Que nota nos dá?" } }
        """
    private static let course = ["Recebi: mensagem 0", "Ainda está aí?", "Até logo!", "Que nota nos dá?"]

    private static var settings: SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = .zero...(.milliseconds(20))
        settings.sendLatency = .zero...(.milliseconds(2))
        return settings
    }

    /// What each contact of the load got, repeats of replies in doubt taken out.
    private static func courses(_ sandbox: SandboxState, _ count: Int) -> [[String]] {
        let received = Dictionary(grouping: sandbox.sends) { $0.number }
        return (0..<count).map { index in
            let texts = received["\(Load.contact(index))@s.whatsapp.net"]?.map(\.text) ?? []
            return texts.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        }
    }

    /// A worker dies while its timers wait; another one fires them, each once.
    @Test func aKilledWorkersTimersFireElsewhere() async throws {
        var options = ClusterDeployment.Options(sandbox: Self.settings)
        options.assistants = ["suporte": Self.timers]
        let deployment = try await ClusterDeployment(options)
        let workers = try await deployment.startAll(workers: 2)
        try await deployment.deliverAll(conversations: 40, messages: 1)
        try await deployment.sent(40)
        workers[0].signal(SIGKILL)
        #expect(await workers[0].end() == -SIGKILL)
        try await deployment.settle(replies: 160)
        #expect(Self.courses(deployment.sandbox, 40).allSatisfy { $0 == Self.course })
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        #expect(deployment.sandbox.sends.count <= 160 + doubts)
        let audit = try await deployment.rows(
            "SELECT rule || ' ' || outcome || ' ' || count(*) FROM cardume.timers_audit GROUP BY rule, outcome ORDER BY 1")
        #expect(audit == ["auto_close closed 40", "follow_up spoke 40", "nps spoke 40"])
        #expect(try await deployment.rows("SELECT DISTINCT state FROM cardume.sends") == ["accepted"])
        let late = try await deployment.number("SELECT count(*) FROM cardume.timers_audit WHERE at < due_at")
        #expect(late == 0, "a timer fired before its time")
        let held = try await deployment.redis.cli("KEYS", "*:timers:*")
        #expect(held == "", "timers are left: \(held)")
        print("timers: \(doubts) sends in doubt")
    }

    @Test func timersOutliveARestart() async throws {
        let deployment = try await Deployment(Self.settings, assistant: Self.timers)
        try await deployment.start()
        try await deployment.deliverAll(conversations: 20, messages: 1)
        try await deployment.settle(replies: 20)
        #expect(try await deployment.terminate() == 0)
        #expect(try deployment.rows("SELECT count(*) FROM timers") == ["20"])
        try await deployment.start()
        try await deployment.settle(replies: 80)
        #expect(Self.courses(deployment.sandbox, 20).allSatisfy { $0 == Self.course })
        #expect(deployment.sandbox.sends.count == 80)
        #expect(try deployment.rows("SELECT count(*) FROM timers_audit") == ["60"])
        #expect(try deployment.rows("SELECT count(*) FROM timers") == ["0"])
    }
}
