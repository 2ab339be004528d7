/// How the processes of a cluster reach each other, to ask about conversations.
public struct ExplainSettings: Sendable {
    /// As configured; `nil` for where it listens, unless only its own machine can reach that; empty for nowhere.
    private let advertised: String?

    init(_ root: ConfigurationSection) {
        self.advertised = root.values.text(["http", "advertise"])
    }

    /// What a process tells the others; `nil` for nothing.
    ///
    /// - Parameters:
    ///   - host: where it listens.
    ///   - port: the one it has really got.
    public func address(host: String, port: Int, hostName: String) -> String? {
        if let advertised = self.advertised { return advertised.isEmpty ? nil : advertised }
        // Others would call themselves there.
        guard !Self.isLoopback(host) else { return nil }
        let name = ["0.0.0.0", "::"].contains(host) ? hostName : host
        return "http://\(name.contains(":") ? "[\(name)]" : name):\(port)"
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// What no single key can tell: it is a URL or empty.
    static func problems(_ values: ConfigurationValues) -> [ConfigurationProblem] {
        let path = ["http", "advertise"]
        let url = ConfigurationKey("http.advertise", .url, "")
        guard let text = values.text(path), !text.isEmpty, let problem = url.problem(with: text) else { return [] }
        return [ConfigurationProblem(place: values.place(path), key: path.joined(separator: "."), message: problem)]
    }
}
