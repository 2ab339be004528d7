public import CardumeCore

/// Whom the doors let in, and when.
public struct FrontDoorSettings: Sendable {
    /// Where messages come from.
    public enum Source: String, Sendable, CaseIterable {
        case evolution
        case meta
        case api
    }

    public enum Reaction: String, Sendable {
        case accept
        case reject
    }

    public enum ForwardedHeader: String, Sendable {
        case xForwardedFor = "x-forwarded-for"
        case forwarded
    }

    public var capacities: LoadCapacities
    /// What each source meets while the load is critical.
    public var onCritical: [Source: Reaction]
    /// Those that are off are missing.
    public var limits: [RateDimension: RateLimit]
    public var trustedProxies: [AddressRange]
    public var forwardedHeader: ForwardedHeader
    /// `nil` for no spool.
    public var spoolFolder: String?
    public var spoolBytes: Int
    public var spoolPatience: Duration

    init(_ root: ConfigurationSection, assistants: [AssistantID]) {
        let (load, limits) = (root.section("load"), root.section("rate_limits"))
        let common = LoadCapacity(load, else: nil)
        self.capacities = LoadCapacities(
            assistants: Dictionary(
                uniqueKeysWithValues: assistants.map {
                    ($0, LoadCapacity(root.section("assistants").section($0.rawValue).section("load"), else: common))
                }),
            total: LoadCapacity(load.section("total"), else: nil))
        let reactions = load.section("on_critical")
        self.onCritical = Dictionary(
            uniqueKeysWithValues: Source.allCases.map { ($0, Reaction(rawValue: reactions.text($0.rawValue)) ?? .accept) })
        self.limits = [:]
        for dimension in RateDimension.allCases {
            let own = limits.section(dimension.rawValue)
            let limit = RateLimit(
                perMinute: own.optional("per_minute").flatMap { Int($0) } ?? limits.integer("per_minute"),
                burst: own.optional("burst").flatMap { Int($0) } ?? limits.integer("burst"))
            if !limit.isOff { self.limits[dimension] = limit }
        }
        let http = root.section("http")
        self.trustedProxies = Self.names(http.text("trusted_proxies")).compactMap { AddressRange($0) }
        self.forwardedHeader = ForwardedHeader(rawValue: http.text("forwarded_header")) ?? .xForwardedFor
        self.spoolFolder = root.section("spool").optional("folder")
        self.spoolBytes = root.section("spool").integer("max_bytes")
        self.spoolPatience = root.section("spool").duration("patience")
    }

    private static func names(_ text: String) -> [Substring] { text.split { $0 == "," || $0 == " " } }

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues) -> [ConfigurationProblem] {
        let path = ["http", "trusted_proxies"]
        return Self.names(values.text(path) ?? "").filter { AddressRange($0) == nil }.map { name in
            ConfigurationProblem(
                place: values.place(path), key: path.joined(separator: "."),
                message: "\"\(name)\" is neither an IP address nor a network like 10.0.0.0/8")
        }
    }
}

extension LoadCapacity {
    /// - Parameter common: what counts where `section` says nothing.
    fileprivate init(_ section: ConfigurationSection, else common: LoadCapacity?) {
        func number(_ key: String, _ standard: Int?) -> Int {
            section.optional(key).flatMap { Int($0) } ?? standard ?? 0
        }
        self.init(
            queueThreshold: number("queue_threshold", common?.queueThreshold),
            pendingThreshold: number("pending_threshold", common?.pendingThreshold),
            maximumQueueLength: number("max_queue_length", common?.maximumQueueLength))
    }
}
