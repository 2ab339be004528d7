import CardumeCore

/// Where one of a channel's servers is.
public struct ChannelServer: Hashable, Sendable {
    public var name: String
    public var baseURL: String
    public var key: String
}

extension BreakerSettings {
    init(_ root: ConfigurationSection) {
        let section = root.section("breakers")
        let common = CircuitBreaker.Settings(
            callTimeout: section.duration("timeout"), errorRatio: Double(section.text("error_ratio")) ?? 0.5,
            window: section.duration("window"), minimumCalls: section.integer("minimum_calls"),
            openFor: section.duration("open_for"), probes: section.integer("probes"))
        var model = common
        model.callTimeout = section.duration("model_timeout")
        self.init(gateway: common, model: model)
    }
}

extension GatewaySettings {
    /// - Parameter section: of one channel.
    init(_ section: ConfigurationSection) {
        let (pacing, typing) = (section.section("pacing"), section.section("typing"))
        let servers = section.section("servers").items
        self.init(
            policy: GatewayRouter.Policy(rawValue: section.text("routing")) ?? .rendezvous,
            weights: Dictionary(uniqueKeysWithValues: servers.map { ($0.path.last ?? "", $0.integer("weight")) }),
            healthCheck: section.duration("health_check"),
            pacing: TokenBucket.Settings(perMinute: pacing.integer("per_minute"), burst: pacing.integer("burst")),
            jitter: pacing.duration("jitter"), typingPerCharacter: typing.duration("per_character"),
            typingLimit: typing.duration("max"))
    }
}

extension CardumeConfiguration.ChannelSettings {
    /// In the file's order; empty when the channel's own address is the only one.
    static func servers(_ section: ConfigurationSection) -> [ChannelServer] {
        section.section("servers").items.map { server in
            ChannelServer(
                name: server.path.last ?? "", baseURL: server.optional("base_url") ?? section.text("base_url"),
                key: server.optional("key") ?? section.text("key"))
        }
    }

    /// These settings as each of the channel's servers needs them.
    public var byServer: [(name: String?, settings: CardumeConfiguration.ChannelSettings)] {
        guard !self.servers.isEmpty else { return [(nil, self)] }
        return self.servers.map { server in
            var settings = self
            settings.baseURL = server.baseURL
            settings.key = server.key
            return (server.name, settings)
        }
    }

    /// Whether requests go to the same places in the same way.
    public func isReached(like other: Self) -> Bool {
        self.kind == other.kind && self.apiVersion == other.apiVersion && self.timeout == other.timeout
            && self.recordDelay == other.recordDelay && self.baseURL == other.baseURL && self.key == other.key
            && self.servers == other.servers
    }

    /// Addresses and keys that are missing, as paths below the channel.
    var missingKeys: [String] {
        self.byServer.flatMap { name, settings in
            let prefix = name.map { "servers.\($0)." } ?? ""
            var missing: [String] = []
            if settings.kind == .evolution, settings.baseURL.isEmpty { missing.append(prefix + "base_url") }
            if settings.kind != .console, settings.key.isEmpty { missing.append(prefix + "key") }
            return missing
        }
    }
}
