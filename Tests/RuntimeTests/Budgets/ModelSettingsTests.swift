import CardumeCore
import Testing

@testable import CardumeRuntime

@Suite struct ModelSettingsTests {
    private static func uses(
        _ yaml: String, _ environment: [String: String] = [:]
    ) throws -> [AssistantID: ModelUseSettings] {
        try CardumeConfiguration(yaml: yaml, file: "c.yaml", environment: environment).modelUses
    }

    private static func problems(_ yaml: String) -> [String] {
        do {
            _ = try Self.uses(yaml)
            return []
        } catch {
            return (error as? ConfigurationProblems)?.problems.map(\.description) ?? ["\(error)"]
        }
    }

    private static let models = """
        model: { key: comum }
        models:
          rapido: { base_url: "http://127.0.0.1:8000/v1/", keyless: true, name: qwen, requests_per_minute: 120 }
          bom: { name: gpt-4o, key: outra, tokens_per_minute: 90000, price: { input_per_million: 2.5, output_per_million: 10 } }

        """

    @Test func withoutTiersAllIsAsItWas() throws {
        let use = try #require(try Self.uses("model: { key: k }\nassistants: { suporte: { slots: 3 } }")["suporte"])
        #expect(use.tiers.isEmpty)
        #expect(use.model?.budget == "api.openai.com/v1 gpt-4o-mini")
        #expect(use.model?.limits == BudgetLimits() && use.model?.price == nil)
        #expect(use.limits.areNone && use.dailyCostLimit == nil)
        #expect(use.onCostLimit == .message && !use.costLimitMessage.isEmpty)
        #expect(try Self.uses("")["atendimento"]?.model == nil)
    }

    @Test func tiersNameModels() throws {
        let use = try #require(
            try Self.uses(
                Self.models + """
                    assistants:
                      suporte:
                        tiers: { small: rapido, large: bom, large_from: 7 }
                        requests_per_minute: 30
                        daily_cost_limit: 12.34
                    """)["suporte"])
        #expect(use.tiers.mapValues(\.budget) == [.small: "127.0.0.1:8000/v1 qwen", .large: "api.openai.com/v1 gpt-4o"])
        #expect(use.tiers[.small]?.limits == BudgetLimits(requests: 120))
        #expect(use.tiers[.small]?.model.key == nil)
        #expect(use.tiers[.large]?.price == ModelPrice(input: 2_500_000, output: 10_000_000))
        #expect(use.model == nil)
        #expect(use.rule == ModelTierRule(largeFrom: 7))
        #expect(use.limits == BudgetLimits(requests: 30))
        #expect(use.dailyCostLimit == 12_340_000)
        #expect(use.onCostLimit == .smaller)
    }

    @Test func limitsAndPricesBelongToAModelOfAServer() throws {
        let uses = try Self.uses(
            """
            model: { key: k, requests_per_minute: 500, price: { input_per_million: 1 } }
            assistants:
              mesmo: { model: { temperature: 0.1, requests_per_minute: 400 } }
              outro: { model: { name: gpt-4o } }
              comum: { slots: 1 }
            """, ["CARDUME_MODEL_TOKENS_PER_MINUTE": "9000"])
        #expect(uses["comum"]?.model?.limits == BudgetLimits(requests: 400, tokens: 9_000), "the lowest that anybody gives")
        #expect(uses["mesmo"]?.model?.limits == BudgetLimits(requests: 400, tokens: 9_000))
        #expect(uses["mesmo"]?.model?.price == ModelPrice(input: 1_000_000, output: 0))
        #expect(uses["outro"]?.model?.limits == BudgetLimits())
        #expect(uses["outro"]?.model?.price == nil)
    }

    @Test(
        arguments: [
            ("tiers: { small: rapid }", "there is no model \"rapid\" under `models`; did you mean \"rapido\"?"),
            ("time_zone: Brasil/Uberlandia", "there is no time zone"),
            ("on_cost_limit: smaller", "needs `tiers`"), ("daily_cost_limit: -1", "not allowed"),
            ("requests_per_minute: 0", "not allowed"), ("tiers: { tiny: rapido }", "unknown key"),
        ])
    func mistakesAreNamed(_ line: String, _ message: String) {
        let problems = Self.problems(Self.models + "assistants:\n  suporte: { \(line) }\n")
        #expect(problems.count == 1)
        #expect(problems.first?.contains(message) == true, "\(problems)")
    }

    @Test func aTierNeedsAModelThatCanBeCalled() {
        let assistants = "\nassistants:\n  suporte: { tiers: { large: bom } }\n"
        for models in [
            "models: { bom: { name: gpt-4o } }",
            // The common key is another server's.
            "model: { key: k }\nmodels: { bom: { base_url: \"http://10.0.0.1/v1\" } }",
        ] {
            let problems = Self.problems(models + assistants)
            #expect(problems.first?.contains("neither `key` nor `keyless: true`") == true, "\(problems)")
        }
        #expect(Self.problems("model: { key: k }\nmodels: { bom: { name: gpt-4o } }" + assistants).isEmpty)
    }

    /// Nor is an assistant's own server shown the common key; that it has none is said, not passed over.
    @Test func aKeyStaysWithItsServer() throws {
        func configuration(_ model: String, _ common: String = "key: comum") throws -> CardumeConfiguration {
            try CardumeConfiguration(
                yaml: "model: { \(common) }\nassistants:\n  suporte: { model: { \(model) } }\n", file: "c.yaml",
                environment: [:])
        }
        let elsewhere = "base_url: \"http://10.0.0.1/v1\""
        let problems = #expect(throws: ConfigurationProblems.self) { try configuration(elsewhere) }
        #expect(problems?.problems.map(\.key) == ["assistants.suporte.model.base_url"])
        #expect(try configuration(elsewhere + ", key: outra").assistants[0].model?.key == "outra")
        let keyless = try configuration(elsewhere + ", keyless: true").assistants[0].model
        #expect(keyless != nil && keyless?.key == nil)
        #expect(try configuration("base_url: \"https://api.openai.com/v1\"").assistants[0].model?.key == "comum")
        #expect(try configuration(elsewhere, "keyless: true").assistants[0].model?.key == nil)
        #expect(
            try configuration(elsewhere, "name: m").assistants[0].model == nil, "no key anywhere: the offline model answers")
    }

    @Test func everyLimitAndPriceIsLive() {
        let words = ["per_minute", "per_million", "tiers", "cost_limit", "time_zone"]
        let keys = ConfigurationKey.all.filter { key in words.contains { key.path.contains($0) } }
        #expect(keys.count > 15 && keys.allSatisfy(\.isLive))
    }

    /// Brasília had summer time until 2019: days of 23 and 25 hours, and midnights that do not exist.
    @Test(
        arguments: [
            ("America/Sao_Paulo", 1_795_176_000_000, "2026-11-20", 54_000),
            ("America/Sao_Paulo", 1_541_300_399_000, "2018-11-03", 1),
            ("America/Sao_Paulo", 1_541_300_400_000, "2018-11-04", 82_800),
            ("UTC", 0, "1970-01-01", 86_400), ("Asia/Kolkata", -1, "1970-01-01", 66_600),
        ] as [(String, Int64, String, Int64)])
    func daysEndAtLocalMidnight(_ zone: String, _ time: Int64, _ day: String, _ rest: Int64) throws {
        let (today, left) = try #require(LocalDay(zone)).day(at: Timestamp(milliseconds: time))
        #expect(today.description == day)
        #expect(abs(left.seconds - Double(rest)) < 1.1)
    }

    /// What nobody has asked for keeps no program from starting.
    @Test func whereNoZonesAreKnownOnlyThoseAskedForAreMissed() throws {
        func problems(_ yaml: String) throws -> [String] {
            let values = try ConfigurationValues(yaml: yaml, file: "c.yaml", environment: [:])
            return ModelUseSettings.problems(values, isZone: { _ in false }).map(\.description)
        }
        #expect(try problems("assistants: { suporte: {} }").isEmpty)
        #expect(try problems("assistants: { suporte: { time_zone: America/Sao_Paulo } }").count == 1)
    }

    @Test func unknownZonesAreRefused() {
        #expect(LocalDay("Brasil/Uberlandia") == nil)
        #expect(LocalDay("") == nil)
    }
}
