public import CardumeCore
import Foundation

/// The whole configuration, checked.
public struct CardumeConfiguration: Sendable {
    public struct Model: Sendable {
        public var baseURL: String
        /// `nil` for servers that need none.
        public var key: String?
        public var name: String
        public var timeout: Duration
        public var temperature: Double?
        public var maximumTokens: Int?
        public var maximumTokensField: String
    }

    public struct OfflineRule: Sendable {
        public var word: String
        /// `nil` for nothing, when it only gives the conversation away.
        public var answer: String?
        public var transfer: AssistantID?

        public init(word: String, answer: String?, transfer: AssistantID? = nil) {
            self.word = word
            self.answer = answer
            self.transfer = transfer
        }
    }

    public struct AssistantSettings: Sendable {
        public var assistant: Assistant
        var timers: [TimerRule]
        /// `nil`: the offline model answers.
        public var model: Model?
        public var offline: [OfflineRule]
        public var offlineDefault: String?
    }

    public enum ChannelKind: String, Sendable {
        case console
        case evolution
        case meta
    }

    public struct ChannelSettings: Sendable {
        /// The Evolution instance or Meta phone number id; `*` for all others.
        public var id: ChannelID
        public var kind: ChannelKind
        public var baseURL: String
        public var key: String
        public var apiVersion: String
        public var timeout: Duration
        public var recordDelay: Duration
        public var route: ChannelRoute
        /// While it is set no turn and no send begins; `nil` for none.
        public var pause: Pause?
        /// Empty when ``baseURL`` and ``key`` are the only server's.
        public var servers: [ChannelServer]
        public var gateways: GatewaySettings
    }

    public enum LogFormat: String, Sendable {
        case auto
        case json
        case text
    }

    public var dataFolder: String
    public var partitionCount: Int
    public var shards: Int
    public var dedupeWindow: Duration
    public var session: Duration
    public var credits: Int
    public var conversationCredits: Int
    public var idleTime: Duration
    /// Turns of all assistants together at once; `nil` for no bound.
    public var slots: Int?
    /// Lanes whose queues this process serves; `nil` for all.
    public var lanes: Set<Lane>?
    public var timeLimits: TimeLimits
    public var shutdownDeadline: Duration
    public var logLevel: String
    public var logFormat: LogFormat
    /// `nil` for the embedded deployment.
    public var cluster: ClusterSettings?
    public var http: HTTPSettings
    public var frontDoor: FrontDoorSettings
    public var explaining: ExplainSettings
    public var metrics: MetricsSettings
    /// `nil`: no spans are made.
    public var traces: TraceSettings?
    public var upkeep: UpkeepSettings
    public var assistants: [AssistantSettings]
    public var channels: [ChannelSettings]
    public var breakers: BreakerSettings
    /// For `config print`.
    public var values: ConfigurationValues

    /// - Parameters:
    ///   - path: the YAML file; `nil` for none, which leaves defaults and the environment.
    ///   - use: what is done with it; what is needed for the rest may be missing.
    /// - Throws: ``ConfigurationProblems``, all at once.
    public static func load(
        path: String?, environment: [String: String], for use: ConfigurationUse = .everything
    ) throws -> CardumeConfiguration {
        var yaml = ""
        if let path {
            do {
                yaml = try String(contentsOfFile: path, encoding: .utf8)
            } catch {
                throw ConfigurationProblems(problems: [
                    ConfigurationProblem(place: path, key: "", message: "the configuration file cannot be read")
                ])
            }
        }
        var values = try ConfigurationValues(yaml: yaml, file: path ?? "(no file)", environment: environment)
        values.use = use
        return try CardumeConfiguration(values)
    }

    public init(yaml: String, file: String, environment: [String: String]) throws {
        try self.init(ConfigurationValues(yaml: yaml, file: file, environment: environment))
    }

    /// - Throws: ``ConfigurationProblems`` that no single key can tell.
    init(_ values: ConfigurationValues) throws {
        let root = ConfigurationSection(values: values, path: [])
        self.values = values
        self.dataFolder = root.text("data_folder")
        self.partitionCount = root.integer("partitions")
        self.shards = root.integer("shards")
        self.dedupeWindow = root.duration("dedupe_window")
        self.session = root.duration("session")
        self.credits = root.integer("credits")
        self.conversationCredits = root.integer("conversation_credits")
        self.idleTime = root.duration("idle_time")
        self.slots = root.integer("slots") == 0 ? nil : root.integer("slots")
        self.lanes = BulkheadSettings.lanes(root)
        self.timeLimits = TimeLimits(root)
        self.shutdownDeadline = root.duration("shutdown_deadline")
        self.logLevel = root.section("log").text("level")
        self.logFormat = LogFormat(rawValue: root.section("log").text("format")) ?? .auto
        self.cluster = ClusterSettings(root)
        self.http = HTTPSettings(root)
        self.explaining = ExplainSettings(root)
        self.metrics = MetricsSettings(root)
        self.traces = TraceSettings(root)
        self.upkeep = UpkeepSettings(root)
        let model = root.section("model")
        self.assistants = values.names(under: ["assistants"]).map {
            AssistantSettings(id: AssistantID($0), root.section("assistants").section($0), model)
        }
        self.frontDoor = FrontDoorSettings(root, assistants: self.assistants.map(\.assistant.id))
        let first = self.assistants[0].assistant.id
        self.channels = values.names(under: ["channels"]).map {
            ChannelSettings(id: ChannelID($0), root.section("channels").section($0), first)
        }
        self.breakers = BreakerSettings(root)
        try self.crossCheck()
    }

    /// What no single key can tell.
    private func crossCheck() throws {
        var problems: [ConfigurationProblem] = []
        let known = Set(self.assistants.map(\.assistant.id.rawValue))
        for effective in self.values.all {
            guard case .assistant = effective.key.kind, !effective.text.isEmpty, !known.contains(effective.text) else {
                continue
            }
            problems.append(Self.unknown(effective.text, known, effective.path, effective.place))
        }
        for settings in self.assistants {
            let path = ["assistants", settings.assistant.id.rawValue, "transfers"]
            for name in self.values.names(under: path) where !known.contains(name) || name == settings.assistant.id.rawValue {
                problems.append(
                    name == settings.assistant.id.rawValue
                        ? ConfigurationProblem(
                            place: self.values.place(path + [name]), key: (path + [name]).joined(separator: "."),
                            message: "an assistant cannot give a conversation to itself")
                        : Self.unknown(name, known, path + [name], self.values.place(path + [name])))
            }
        }
        for channel in self.channels {
            let path = ["channels", channel.id.rawValue]
            func missing(_ key: String) {
                problems.append(
                    ConfigurationProblem(
                        place: self.values.place(path + ["kind"]), key: (path + [key]).joined(separator: "."),
                        message: "required for a channel of kind \(channel.kind.rawValue)"))
            }
            // Secrets may be missing where nothing is sent.
            for key in channel.missingKeys where self.values.use.contains(.channels) || !key.hasSuffix("key") { missing(key) }
        }
        problems += self.timerProblems
        for settings in self.assistants {
            for (index, rule) in settings.offline.enumerated() {
                let path = ["assistants", settings.assistant.id.rawValue, "offline", String(index)]
                func problem(_ key: String, _ message: String) {
                    problems.append(
                        ConfigurationProblem(
                            place: self.values.place(path + ["when"]), key: (path + [key]).joined(separator: "."),
                            message: message))
                }
                if rule.answer == nil, rule.transfer == nil { problem("say", "is missing") }
                if let transfer = rule.transfer, !settings.assistant.transfers.contains(where: { $0.assistant == transfer }) {
                    problem("transfer", "\"\(transfer)\" is not among this assistant's `transfers`")
                }
            }
        }
        for (path, keys) in self.values.listItems {
            for key in keys where self.values.text(path + [key]) ?? "" == "" {
                problems.append(
                    ConfigurationProblem(
                        place: self.values.place(path + [keys.first { $0 != key } ?? key]),
                        key: (path + [key]).joined(separator: "."), message: "is missing"))
            }
        }
        if let secret = self.http.evolution.secret?.jwtSecret, secret.utf8.count < 32 {
            let path = ["evolution_webhook", "jwt_secret"]
            problems.append(
                ConfigurationProblem(
                    place: self.values.place(path), key: path.joined(separator: "."),
                    message: "must have at least 32 bytes (RFC 7518, section 3.2)"))
        }
        problems += BulkheadSettings.problems(self.values, self.assistants.map(\.assistant))
        problems += FrontDoorSettings.problems(self.values)
        problems += ExplainSettings.problems(self.values)
        problems += TraceSettings.problems(self.values)
        problems += UpkeepSettings.problems(self.values)
        problems += AdminTokenRule.problems(self.values)
        problems += AdminSettings.problems(self.values, isCluster: self.cluster != nil)
        problems += ClusterSettings.problems(self.values, assistants: known)
        problems += ModelUseSettings.problems(self.values)
        problems += ScalingSettings.problems(self.values, self.assistants.map(\.assistant))
        if !problems.isEmpty { throw ConfigurationProblems(problems: problems) }
    }

    private static func unknown(
        _ name: String, _ known: Set<String>, _ path: [String], _ place: String
    ) -> ConfigurationProblem {
        let nearest = NearestName.of(name, among: known.sorted())
        return ConfigurationProblem(
            place: place, key: path.joined(separator: "."),
            message: "there is no assistant \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
    }

    private var timerProblems: [ConfigurationProblem] {
        self.assistants.flatMap { settings in
            let rules = settings.timers
            return rules.compactMap { rule in
                let path = ["assistants", settings.assistant.id.rawValue, "timers", rule.name]
                func problem(_ key: String, _ message: String) -> ConfigurationProblem {
                    let given = ["after", "say", "from", "closes"].map { self.values.place(path + [$0]) }.first { !$0.isEmpty }
                    return ConfigurationProblem(
                        place: given ?? "", key: (path + [key]).joined(separator: "."), message: message)
                }
                if rule.delay == .zero { return problem("after", "is missing") }
                if rule.text.isEmpty, !rule.closes { return problem("say", "the timer neither says anything nor closes") }
                if rule.trigger == .closing, rule.closes {
                    return problem("closes", "the conversation is closed already when the timer begins")
                }
                if rule.trigger == .closing, !rules.contains(where: \.closes) {
                    return problem("from", "no timer of this assistant closes")
                }
                return nil
            }
        }
    }

    /// How channels choose assistants.
    public var routes: RouteTable {
        let named = self.channels.filter { $0.id != "*" }.map { ($0.id, $0.route) }
        return RouteTable(
            channels: Dictionary(uniqueKeysWithValues: named), fallback: self.channels.first { $0.id == "*" }?.route)
    }
}

/// A view of the values below one path. Every key it is asked for is in the table.
struct ConfigurationSection {
    let values: ConfigurationValues
    let path: [String]

    func section(_ name: String) -> ConfigurationSection {
        ConfigurationSection(values: self.values, path: self.path + [name])
    }

    var items: [ConfigurationSection] { self.values.names(under: self.path).map(self.section) }

    func optional(_ key: String) -> String? {
        self.values.text(self.path + [key]).flatMap { $0.isEmpty ? nil : $0 }
    }

    func text(_ key: String) -> String { self.values.text(self.path + [key]) ?? "" }
    func flag(_ key: String) -> Bool { self.text(key) == "true" }
    func integer(_ key: String) -> Int { Int(self.text(key)) ?? 0 }
    func duration(_ key: String) -> Duration { ConfigurationDuration.parse(self.text(key)) ?? .zero }
}

extension CardumeConfiguration.AssistantSettings {
    fileprivate init(id: AssistantID, _ section: ConfigurationSection, _ model: ConfigurationSection) {
        self.timers = section.section("timers").items.map { TimerRule(name: $0.path.last ?? "", $0) }
        self.assistant = Assistant(
            id: id,
            prompt: section.text("prompt"),
            slots: section.integer("slots"),
            bulkhead: BulkheadPolicy(section),
            contextTurns: section.integer("context_turns"),
            retry: RetryPolicy(
                maximumAttempts: section.integer("attempts"), base: section.duration("backoff"),
                cap: section.duration("backoff_cap")),
            onDeadLetter: DeadLetterPolicy(rawValue: section.text("on_dead_letter")) ?? .continue,
            onAmbiguousSend: AmbiguousSendPolicy(rawValue: section.text("on_ambiguous_send")) ?? .reconcileThenResend,
            turns: TurnPolicy(section),
            timers: self.timers,
            transfers: section.values.names(under: section.path + ["transfers"]).map {
                TransferOption(assistant: AssistantID($0), reason: section.section("transfers").text($0))
            },
            pause: section.pause)
        self.model = CardumeConfiguration.Model(section.section("model"), else: model)
        self.offline = section.section("offline").items.map {
            CardumeConfiguration.OfflineRule(
                word: $0.text("when"), answer: $0.optional("say"),
                transfer: $0.optional("transfer").map { AssistantID($0) })
        }
        self.offlineDefault = section.optional("offline_default")
    }
}

extension TimerRule {
    fileprivate init(name: String, _ section: ConfigurationSection) {
        self.init(
            name: name, trigger: Trigger(rawValue: section.text("from")) ?? .silence, delay: section.duration("after"),
            text: section.text("say"), closes: section.flag("closes"), lateness: section.duration("lateness"))
    }
}

extension CardumeConfiguration.Model {
    /// `nil` when there is no key and the server is not said to need none.
    init?(_ own: ConfigurationSection, else common: ConfigurationSection) {
        func value(_ key: String) -> String? { own.optional(key) ?? common.optional(key) }
        // A server must not be shown the key of another, whether it needs one or not.
        let isElsewhere = own.optional("base_url").map { $0 != common.optional("base_url") } ?? false
        let key = isElsewhere || own.flag("keyless") ? own.optional("key") : value("key")
        guard key != nil || value("keyless") == "true" else { return nil }
        self.baseURL = value("base_url") ?? ""
        self.key = key
        self.name = value("name") ?? ""
        self.timeout = value("timeout").flatMap(ConfigurationDuration.parse) ?? .seconds(60)
        self.temperature = value("temperature").flatMap(Double.init)
        self.maximumTokens = value("max_tokens").flatMap { Int($0) }
        self.maximumTokensField = value("max_tokens_field") ?? ""
    }
}

extension CardumeConfiguration.ChannelSettings {
    fileprivate init(id: ChannelID, _ section: ConfigurationSection, _ firstAssistant: AssistantID) {
        self.id = id
        self.kind = CardumeConfiguration.ChannelKind(rawValue: section.text("kind")) ?? .console
        self.baseURL = section.text("base_url")
        self.key = section.text("key")
        self.apiVersion = section.text("api_version")
        self.timeout = section.duration("timeout")
        self.recordDelay = section.duration("record_delay")
        let keywords = section.section("keywords")
        let menu = section.section("menu")
        self.route = ChannelRoute(
            assistant: section.optional("assistant").map { AssistantID($0) } ?? firstAssistant,
            keywords: section.values.names(under: keywords.path).map { ($0, AssistantID(keywords.text($0))) },
            menu: menu.section("options").items.map {
                ChannelRoute.Option(label: $0.text("label"), assistant: AssistantID($0.text("assistant")))
            },
            menuTitle: menu.text("title"))
        self.pause = section.pause
        self.servers = Self.servers(section)
        self.gateways = GatewaySettings(section)
    }
}

/// Doors in, and who may use them.
public struct HTTPSettings: Sendable {
    /// How a door is guarded.
    public struct Guarded<Secret: Sendable>: Sendable {
        /// `nil` when none is configured: then nobody gets in, unless the door is open.
        public var secret: Secret?
        /// Asked for in the configuration.
        public var isOpen: Bool
    }

    public struct EvolutionSecret: Sendable {
        public var key: String?
        public var jwtSecret: String?
        public var jwtLeeway: Duration
    }

    public var host: String
    public var port: Int
    public var bodyLimit: Int
    public var api: Guarded<String>
    public var evolution: Guarded<EvolutionSecret>
    public var meta: Guarded<String>
    public var metaVerifyToken: String?
    /// Of /admin; the command line uses it, too.
    public var adminToken: String?
    /// How long a replaced secret still counts.
    var secretOverlap: Duration
    /// Replaced, and still counting.
    var retired: [RetiredDoorSecrets] = []
    public var admin: AdminSettings
    let loadtest: LoadtestSettings

    init(_ root: ConfigurationSection) {
        let http = root.section("http")
        self.host = http.text("host")
        self.port = http.integer("port")
        self.bodyLimit = http.integer("body_limit")
        let api = root.section("api")
        self.api = Guarded(secret: api.optional("token"), isOpen: api.flag("open"))
        let evolution = root.section("evolution_webhook")
        let secret = EvolutionSecret(
            key: evolution.optional("key"), jwtSecret: evolution.optional("jwt_secret"),
            jwtLeeway: evolution.duration("jwt_leeway"))
        self.evolution = Guarded(
            secret: secret.key == nil && secret.jwtSecret == nil ? nil : secret, isOpen: evolution.flag("open"))
        let meta = root.section("meta_webhook")
        self.meta = Guarded(secret: meta.optional("app_secret"), isOpen: meta.flag("open"))
        self.metaVerifyToken = meta.optional("verify_token")
        self.adminToken = root.section("admin").optional("token")
        self.secretOverlap = root.section("secrets").duration("overlap")
        self.admin = AdminSettings(root)
        self.loadtest = LoadtestSettings(root)
    }
}
