import Foundation

/// How spans reach a collector.
public struct TraceSettings: Hashable, Sendable {
    /// With its path.
    public var url: String
    public var headers: [String: String]
    public var serviceName: String
    public var resource: [String: String]
    public var sampleRatio: Double
    /// `nil`: spans tell nothing of conversations and messages.
    public var pseudonymKey: String?
    public var interval: Duration
    public var batch: Int
    public var queue: Int
    public var timeout: Duration
    public var shutdownTimeout: Duration

    /// - Returns: `nil` when no collector is configured.
    init?(_ root: ConfigurationSection) {
        let section = root.section("traces")
        guard let endpoint = section.optional("endpoint") else { return nil }
        self.url = HTTPAddress.join(endpoint, "v1/traces")
        self.headers = Self.pairs(section.text("headers")) ?? [:]
        self.serviceName = section.text("service_name")
        self.resource = Self.pairs(section.text("resource")) ?? [:]
        self.sampleRatio = Double(section.text("sample_ratio")) ?? 1
        self.pseudonymKey = section.optional("pseudonym_key")
        self.interval = section.duration("interval")
        self.batch = section.integer("batch")
        self.queue = section.integer("queue")
        self.timeout = section.duration("timeout")
        self.shutdownTimeout = section.duration("shutdown_timeout")
    }

    /// `name=value,…` as the OpenTelemetry specification writes it (W3C Baggage, without properties); `nil` for anything else.
    static func pairs(_ text: String) -> [String: String]? {
        var pairs: [String: String] = [:]
        for part in text.split(separator: ",") where !part.allSatisfy(\.isWhitespace) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard sides.count == 2, !sides[0].isEmpty, let value = sides[1].removingPercentEncoding,
                !value.contains(where: \.isNewline)
            else { return nil }
            pairs[sides[0]] = value
        }
        return pairs
    }

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues) -> [ConfigurationProblem] {
        ["headers", "resource"].compactMap { name in
            let path = ["traces", name]
            guard self.pairs(values.text(path) ?? "") == nil else { return nil }
            return ConfigurationProblem(
                place: values.place(path), key: path.joined(separator: "."),
                message: "expected name=value, separated by commas, with percent-encoded values")
        }
    }
}
