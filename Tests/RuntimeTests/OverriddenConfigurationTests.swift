import CardumeCore
import Testing

@testable import CardumeRuntime

@Suite struct OverriddenConfigurationTests {
    private static let yaml = """
        model: { key: segredo }
        api: { token: t }
        assistants: { financeiro: { slots: 7 }, suporte: { model: { name: grande } } }
        channels: { "loja.sul": { keywords: { boleto: financeiro } }, "*": {} }
        """

    private static func configuration() throws -> CardumeConfiguration {
        try CardumeConfiguration(
            yaml: Self.yaml, file: "c.yaml", environment: ["CARDUME_ASSISTANTS_FINANCEIRO_ATTEMPTS": "5"])
    }

    private static func override(_ path: String, _ value: String, at second: Int64 = 0, until end: Timestamp? = nil)
        -> SettingOverride
    {
        SettingOverride(
            path: path, value: value, author: SettingAuthor("ana"), at: Timestamp(milliseconds: second * 1_000), expiresAt: end)
    }

    private static func refusals(_ overrides: [String: String]) throws -> [String: String] {
        let refused = try Self.configuration().overridden(by: overrides.map { Self.override($0.key, $0.value) }).refused
        return Dictionary(uniqueKeysWithValues: refused.map { ($0.override.path, $0.problem) })
    }

    @Test func anOverrideStandsAboveFileAndEnvironment() throws {
        let end = Timestamp(milliseconds: 1_795_176_000_000)
        let (configuration, refused) = try Self.configuration().overridden(by: [
            Self.override("assistants.financeiro.slots", "8"), Self.override("assistants.financeiro.attempts", "2"),
            Self.override("model.temperature", "0.5"), Self.override("channels.loja.sul.keywords.boleto", "suporte"),
            Self.override("channels.*.paused", "true", until: end), Self.override("assistants.suporte.paused", "true"),
        ])
        #expect(refused.isEmpty)
        let financeiro = configuration.assistants[0].assistant
        #expect(financeiro.slots == 8)
        #expect(financeiro.retry.maximumAttempts == 2)
        #expect(financeiro.pause == nil)
        #expect(configuration.assistants[1].assistant.pause == Pause())
        #expect(configuration.assistants[1].model?.temperature == 0.5, "a key without a value can be given one")
        #expect(configuration.routes["loja.sul"]?.keywords.map(\.assistant) == ["suporte"])
        let pauses: [ChannelID: Pause?] = ["loja.sul": nil, "*": Pause(until: end)]
        #expect(configuration.channelPauses == pauses)
        let slots = configuration.values.all.first { $0.path == ["assistants", "financeiro", "slots"] }
        #expect(slots?.source == .override)
    }

    @Test(arguments: [
        ("assistants.financeiro.slots", "0", "expected integer, 1 to 100000"),
        ("assistants.financeiro.slots", "muitos", "expected integer, 1 to 100000"),
        ("assistants.vendas.slots", "8", "no such setting"),
        ("model.key", "roubada", "secret"),
        ("api.token", "meu", "secret"),
        ("http.port", "1", "restart"),
        ("partitions", "32", "restart"),
        ("assistants.financeiro.prompt", "a\u{0}b", "NUL"),
        ("channels.loja.sul.keywords.boleto", "vendas", "there is no assistant \"vendas\""),
        ("channels.loja.sul.keywords.boleto", "", "must name an assistant"),
    ])
    func whatIsNotAllowedIsLeftOut(_ path: String, _ value: String, _ problem: String) throws {
        let refused = try Self.refusals([path: value, "assistants.suporte.slots": "3"])
        #expect(refused.keys.sorted() == [path])
        #expect(refused[path]?.contains(problem) == true, "\(refused)")
        #expect(refused[path]?.contains("roubada") != true)
    }

    /// Each is allowed by itself; the younger one of two that contradict each other is left out, and nothing else.
    @Test func whatCannotBeTogetherIsLeftOut() throws {
        let yaml = "assistants: { a: { timers: { x: { after: 1m, say: oi } } } }"
        let base = try CardumeConfiguration(yaml: yaml, file: "c", environment: [:])
        let (configuration, refused) = base.overridden(by: [
            Self.override("assistants.a.timers.x.closes", "true", at: 2),
            Self.override("assistants.a.timers.x.from", "closing", at: 3), Self.override("assistants.a.slots", "9", at: 4),
        ])
        #expect(refused.map(\.override.path) == ["assistants.a.timers.x.from"])
        #expect(refused.first?.problem.contains("closed already") == true)
        #expect(configuration.assistants[0].assistant.slots == 9)
    }

    @Test func noSecretIsLive() {
        for key in ConfigurationKey.all where key.isSecret { #expect(!key.isLive, "\(key.path)") }
    }

    @Test func whoNamesNothingCanTuneTheOneThereIs() throws {
        let (configuration, refused) = try CardumeConfiguration(yaml: "", file: "c", environment: [:])
            .overridden(by: [Self.override("assistants.atendimento.paused", "true")])
        #expect(refused.isEmpty)
        #expect(configuration.assistants.map(\.assistant.pause) == [Pause()])
    }

    @Test func namesMayBeShort() throws {
        let values = try Self.configuration().values
        func path(_ name: String) throws -> String { try SettingName.resolve(name, in: values).path.joined(separator: ".") }
        #expect(try path("financeiro.concurrency") == "assistants.financeiro.slots")
        #expect(try path("assistants.financeiro.concurrency") == "assistants.financeiro.slots")
        #expect(try path("suporte.model.name") == "assistants.suporte.model.name")
        #expect(try path("model.name") == "model.name")
        #expect(try path("loja.sul.paused") == "channels.loja.sul.paused")
        #expect(try path("*.paused") == "channels.*.paused")
    }

    @Test(arguments: [
        ("financeiro.concurency", "financeiro.concurrency"), ("finaceiro.slots", "financeiro.slots"), ("credit", "credits"),
        ("assistants.financeiro.slot", "assistants.financeiro.slots"),
    ])
    func wrongNamesGetTheNearest(_ name: String, _ nearest: String) throws {
        let values = try Self.configuration().values
        let refusal = #expect(throws: SettingRefusal.self) { try SettingName.resolve(name, in: values) }
        #expect(refusal?.code == .unknown)
        #expect(refusal?.message.contains("did you mean \(nearest)") == true, "\(refusal?.message ?? "")")
    }

    @Test func aNameOfTwoIsAskedBack() throws {
        let configuration = try CardumeConfiguration(
            yaml: "assistants: { loja: {} }\nchannels: { loja: {} }", file: "c", environment: [:])
        let refusal = #expect(throws: SettingRefusal.self) {
            try SettingName.resolve("loja.paused", in: configuration.values)
        }
        #expect(refusal?.message.contains("assistants.loja.paused or channels.loja.paused") == true)
    }
}
