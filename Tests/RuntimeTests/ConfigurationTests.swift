import CardumeCore
import CardumeRuntime
import CardumeTesting
import Foundation
import TestSupport
import Testing

@Suite struct ConfigurationTests {
    private static func load(_ yaml: String, _ environment: [String: String] = [:]) throws -> CardumeConfiguration {
        try CardumeConfiguration(yaml: yaml, file: "c.yaml", environment: environment)
    }

    private static func problems(_ yaml: String, _ environment: [String: String] = [:]) -> [String] {
        do {
            _ = try Self.load(yaml, environment)
            return []
        } catch {
            return (error as? ConfigurationProblems)?.problems.map(\.description) ?? ["\(error)"]
        }
    }

    @Test func nothingAtAllIsAConfiguration() throws {
        let configuration = try Self.load("")
        #expect(configuration.assistants.count == 1)
        #expect(configuration.assistants[0].model == nil, "without a key, the offline model answers")
        #expect(configuration.channels.map(\.kind) == [.console])
        #expect(configuration.http.port == 8080)
        #expect(!configuration.http.api.isOpen)
        #expect(configuration.shutdownDeadline == .seconds(25))
    }

    @Test func fileIsReadWhole() throws {
        let configuration = try Self.load(
            """
            model: { key: k, base_url: "http://127.0.0.1:1/v1", temperature: 0.5 }
            assistants:
              financeiro: { slots: 7, backoff: 10ms, on_dead_letter: hold, model: { name: outro } }
              suporte: { offline: [{ when: oi, say: olá }], model: { timeout: 5s } }
            channels:
              "filial:02 são joão/centro":
                kind: evolution
                base_url: http://evo
                key: segredo
                assistant: suporte
                keywords: { boleto: financeiro }
                menu: { title: Escolha, options: [{ label: Contas, assistant: financeiro }] }
            """)
        let (first, second) = (configuration.assistants[0], configuration.assistants[1])
        #expect(first.assistant.id == "financeiro")
        #expect(first.assistant.slots == 7)
        #expect(first.assistant.retry.base == .milliseconds(10))
        #expect(first.assistant.onDeadLetter == .hold)
        #expect(first.model?.name == "outro")
        #expect(first.model?.temperature == 0.5)
        #expect(second.model?.timeout == .seconds(5))
        #expect(second.model?.name == "gpt-4o-mini")
        #expect(second.offline.map(\.answer) == ["olá"])
        let channel = configuration.channels[0]
        #expect(channel.id == "filial:02 são joão/centro")
        #expect(channel.route.assistant == "suporte")
        #expect(channel.route.keywords.map(\.word) == ["boleto"])
        #expect(channel.route.menu.map(\.label) == ["Contas"])
    }

    @Test func nothingGivenIsNoValue() throws {
        let configuration = try Self.load("api: { token: null }\nevolution_webhook: { key: ~ }\nmodel: { key: }")
        #expect(configuration.http.api.secret == nil)
        #expect(configuration.http.evolution.secret == nil)
        #expect(configuration.assistants[0].model == nil)
        #expect(try Self.load("api: { token: \"null\" }").http.api.secret == "null")
    }

    @Test func aServerWithoutAKeyIsNotShownAnothers() throws {
        let configuration = try Self.load(
            "model: { key: k }\nassistants: { a: { model: { base_url: http://local/v1, keyless: true } }, b: {} }")
        #expect(configuration.assistants[0].model != nil)
        #expect(configuration.assistants[0].model?.key == nil)
        #expect(configuration.assistants[1].model?.key == "k")
    }

    @Test func theChannelForAllOthersIsAChannel() throws {
        let configuration = try Self.load(
            "assistants: { a: {}, b: {} }\nchannels: { \"*\": { assistant: b, keywords: { boleto: a } } }")
        #expect(configuration.channels.map(\.id) == ["*"])
        #expect(configuration.routes["qualquer"]?.assistant == "b")
        #expect(configuration.routes["qualquer"]?.keywords.count == 1)
    }

    @Test func environmentOverridesTheFile() throws {
        let configuration = try Self.load(
            "http: { port: 1000 }\nassistants: { financeiro: { slots: 7 } }",
            ["CARDUME_HTTP_PORT": "2000", "CARDUME_ASSISTANTS_FINANCEIRO_SLOTS": "9", "CARDUME_API_TOKEN": "t"])
        #expect(configuration.http.port == 2000)
        #expect(configuration.assistants[0].assistant.slots == 9)
        #expect(configuration.http.api.secret == "t")
    }

    @Test func aTokenThatCanBeGuessedIsRefused() throws {
        #expect(
            Self.problems("admin: { token: quinze-bytes-15 }")
                == [
                    "c.yaml:1:17: admin.token: must have at least 16 bytes (`openssl rand -hex 32` makes a good one)"
                ])
        #expect(Self.problems("admin: { token: dezesseis-bytes- }").isEmpty)
        #expect(Self.problems("admin: { token: \"\" }").isEmpty, "none: /admin is closed")
    }

    @Test func secretsComeFromFiles() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/token"
        try Data("s3gredo\n".utf8).write(to: URL(filePath: path))
        #expect(try Self.load("api: { token_file: \(path) }").http.api.secret == "s3gredo")
        #expect(try Self.load("", ["CARDUME_API_TOKEN_FILE": path]).http.api.secret == "s3gredo")
        #expect(
            Self.problems("api:\n  token_file: /no/such/file")
                == ["c.yaml:2:15: api.token: the secret's file /no/such/file cannot be read"])
    }

    @Test(arguments: [
        ("assistants:\n  a:\n    slot: 3", "c.yaml:3:5: assistants.a.slot: unknown key; did you mean \"slots\"?"),
        ("htpp: { port: 1 }", "c.yaml:1:1: htpp: unknown key; did you mean \"http\"?"),
        ("http:\n  port: 99999", "c.yaml:2:9: http.port: \"99999\" is not allowed; expected integer, 0 to 65535"),
        (
            "shutdown_deadline: 5 minutes",
            "c.yaml:1:20: shutdown_deadline: \"5 minutes\" is not allowed; expected duration, 0s to 1h"
        ),
        ("http: 3", "c.yaml:1:7: http: expected a section"),
        ("http: [1]", "c.yaml:1:7: http: expected a section, not a list"),
        ("assistants: { a: { offline: { when: x } } }", "c.yaml:1:29: assistants.a.offline: expected a list, not a section"),
        ("http: { port: 1 }\nhttp: { port: 2 }", "given twice"),
        ("http: {", "c.yaml:2:1: not YAML"),
        ("model: { base_url: \"ftp://x\" }", "c.yaml:1:20: model.base_url: \"ftp://x\" is not allowed"),
        (
            "assistants: { suporte: {} }\nchannels: { c: { assistant: suprote } }",
            "c.yaml:2:29: channels.c.assistant: there is no assistant \"suprote\"; did you mean \"suporte\"?"
        ),
        (
            "channels:\n  c:\n    kind: evolution\n    key: k",
            "c.yaml:3:11: channels.c.base_url: required for a channel of kind evolution"
        ),
        ("evolution_webhook: { jwt_secret: curto }", "evolution_webhook.jwt_secret: must have at least 32 bytes"),
        (
            "assistants: { a: {} }\nchannels: { c: { menu: { options: [{ label: Vendas }] } } }",
            "channels.c.menu.options.0.assistant: is missing"
        ),
        ("assistants: { a: { offline: [{ say: oi }] } }", "assistants.a.offline.0.when: is missing"),
        ("channels: { c: { kind: meta } }", "channels.c.key: required for a channel of kind meta"),
    ])
    func mistakesAreNamedWithTheirPlace(_ yaml: String, _ expected: String) {
        let problems = Self.problems(yaml)
        #expect(problems.contains { $0.contains(expected) }, "\(problems)")
    }

    @Test func mistakesInTheEnvironmentAreNamedToo() {
        #expect(
            Self.problems("", ["CARDUME_HTTP_PORT": "abc"])
                == ["CARDUME_HTTP_PORT: http.port: \"abc\" is not allowed; expected integer, 0 to 65535"])
    }

    @Test func allMistakesAreReportedAtOnce() {
        #expect(Self.problems("a: 1\nb: 2\nhttp: { port: x }").count == 3)
    }

    @Test func timersThatMakeNoSenseAreNamed() throws {
        func problems(_ timers: String) -> [String] { Self.problems("assistants: { a: { timers: { \(timers) } } }") }
        #expect(problems("x: { say: oi }").first?.contains("assistants.a.timers.x.after: is missing") == true)
        #expect(problems("x: { after: 1m }").first?.contains("neither says anything nor closes") == true)
        #expect(
            problems("x: { after: 1m, from: closing, say: oi }").first?.contains("no timer of this assistant closes") == true)
        #expect(
            problems("x: { after: 1m, closes: true }, y: { after: 1m, from: closing, closes: true }").first?
                .contains("closed already") == true)
        #expect(problems("x: { after: 1m, closes: true }, y: { after: 1m, from: closing, say: oi }").isEmpty)
    }

    @Test func effectiveValuesSayWhereTheyComeFrom() throws {
        let values = try Self.load("http: { port: 1 }", ["CARDUME_HTTP_HOST": "::1"]).values.all
        func source(_ path: String) -> ConfigurationValues.Source? {
            values.first { $0.path.joined(separator: ".") == path }?.source
        }
        #expect(source("http.port") == .file)
        #expect(source("http.host") == .environment)
        #expect(source("http.body_limit") == .default)
    }

    @Test func adaptationBeginsWhereItIsTold() throws {
        func start(_ yaml: String) throws -> Int? {
            try CardumeConfiguration(yaml: yaml, file: "c", environment: [:]).assistants[0].assistant.bulkhead.adaptiveStart
        }
        #expect(try start("assistants: { a: { adaptive_start: 7 } }") == 7)
        #expect(try start("assistants: { a: { adaptive_start: 0 } }") == nil)
        #expect(try start("assistants: { a: {} }") == nil)
    }

    @Test func defaultsAreAllowedValues() {
        for key in ConfigurationKey.all {
            guard let value = key.defaultValue else { continue }
            let environment = key.environmentPattern.map { $0.replacing("<NAME>", with: "X") } ?? ""
            let problems = Self.problems(
                "assistants: { x: {} }\nchannels: { x: {} }", environment.isEmpty ? [:] : [environment: value])
            #expect(problems.isEmpty, "\(key.path): \(problems)")
        }
    }

    @Test func documentedTableIsTheProgramsTable() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let document = try String(contentsOf: root.appending(path: "docs/configuration.md"), encoding: .utf8)
        #expect(document.contains(ConfigurationKey.table), "run `cardume config keys` and paste it into docs/configuration.md")
    }

    @Test func exampleIsValid() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let configuration = try CardumeConfiguration.load(
            path: root.appending(path: "examples/cardume.yaml").path, environment: [:])
        #expect(configuration.assistants.count == 5)
    }
}
