import CardumeCore
import CardumeRuntime
import Testing

@Suite struct TurnSettingsTests {
    private static func policies(_ yaml: String, _ environment: [String: String] = [:]) throws -> [TurnPolicy] {
        try CardumeConfiguration(yaml: yaml, file: "c.yaml", environment: environment).assistants.map(\.assistant.turns)
    }

    @Test func nothingIsMergedUnlessAskedFor() throws {
        let policies = try Self.policies("assistants: { suporte: {} }")
        #expect(policies.map { $0.merges } == [false])
        #expect(policies[0].onNewMessage == .queue)
        #expect(policies[0].late == TurnPolicy.Late(apology: "Desculpe a demora."))
        #expect(policies[0].debounce == TurnPolicy.Debounce())
    }

    @Test func eachAssistantHasItsOwn() throws {
        let policies = try Self.policies(
            """
            assistants:
              suporte: { debounce: { wait: 2s, max_wait: 8s, max_messages: 5 }, on_new_message: supersede }
              comercial: { late: { after: 30s, action: apologise, apology: "Perdão!" } }
            """, ["CARDUME_ASSISTANTS_COMERCIAL_DEBOUNCE_WAIT": "500ms"])
        #expect(
            policies == [
                TurnPolicy(
                    debounce: TurnPolicy.Debounce(wait: .seconds(2), maximumWait: .seconds(8), maximumMessages: 5),
                    onNewMessage: .supersede, late: TurnPolicy.Late(apology: "Desculpe a demora.")),
                TurnPolicy(
                    debounce: TurnPolicy.Debounce(wait: .milliseconds(500)),
                    late: TurnPolicy.Late(after: .seconds(30), action: .apologise, apology: "Perdão!")),
            ])
    }

    @Test func allOfItMayChangeWhileTheProgramRuns() {
        let keys = ConfigurationKey.all.filter { key in
            ["assistants.*.debounce.", "assistants.*.late.", "assistants.*.on_new_message"].contains { key.path.hasPrefix($0) }
        }
        #expect(keys.count == 7)
        #expect(keys.allSatisfy { $0.isLive })
    }
}
