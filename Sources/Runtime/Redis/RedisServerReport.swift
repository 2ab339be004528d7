/// What a start wants to know about a server.
package struct RedisServerReport: Sendable {
    package let node: RedisNode
    /// As the server writes it: `7.0.15`.
    package let version: String
    package let isCluster: Bool
    /// What an operator should know, though it is no reason not to start.
    package let warnings: [String]
}

extension RedisClient {
    /// Looks at every master and refuses those that would lose messages or lack commands. Called when ``connected()``.
    ///
    /// - Throws: ``RedisError/Code/unsuitable`` with one line that says what to change; or what ``send(_:slot:deadline:)`` throws.
    package func checkServer() async throws(RedisError) -> [RedisServerReport] {
        var reports: [RedisServerReport] = []
        for link in self.links {
            let info = RedisInfo(try await link.send(RedisCommand("INFO")).root.string ?? "")
            // Managed services forbid it.
            let setting = try? await link.send(RedisCommand("CONFIG", "GET", "save"))
            let snapshots = setting?.root.array[1]?.string
            reports.append(
                try info.report(on: link.node, snapshots: snapshots, expectsCluster: self.connector.settings.isCluster))
        }
        return reports
    }
}

/// The reply to `INFO`.
struct RedisInfo {
    private var values: [Substring: Substring] = [:]

    /// A line's value; `nil` when there is none of this name.
    subscript(name: Substring) -> Substring? { self.values[name] }

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            self.values[line[..<colon]] = line[line.index(after: colon)...]
        }
    }

    /// - Parameter snapshots: the setting `save`; `nil` when unknown.
    func report(on node: RedisNode, snapshots: String?, expectsCluster: Bool) throws(RedisError) -> RedisServerReport {
        let version = String(self.values["redis_version"] ?? "unknown")
        let numbers = version.split(separator: ".").map { Int($0) ?? 0 }
        guard !numbers.lexicographicallyPrecedes([6, 2]) else {
            throw RedisError(.unsuitable, "\(node) is Redis \(version); 6.2 or later is needed")
        }
        let policy = self.values["maxmemory_policy"] ?? "noeviction"
        guard policy == "noeviction" else {
            throw RedisError(
                .unsuitable,
                "\(node) would evict messages when its memory is full (maxmemory-policy \(policy)); set it to noeviction")
        }
        let isCluster = self.values["cluster_enabled"] == "1"
        guard isCluster == expectsCluster else {
            throw RedisError(
                .unsuitable,
                isCluster
                    ? "\(node) belongs to a cluster; set the cluster option"
                    : "\(node) is no cluster; remove the cluster option")
        }
        var warnings: [String] = []
        if self.values["aof_enabled"] == "0" {
            warnings.append(
                snapshots == ""
                    ? "\(node) writes nothing to disk: its messages are lost when it ends; set appendonly yes"
                    : "\(node) has no append-only file: messages since its last snapshot are lost when it crashes; set appendonly yes"
            )
        }
        if self.values["maxmemory"] == "0" {
            warnings.append("\(node) has no maxmemory: it takes messages until the machine's memory is full")
        }
        return RedisServerReport(node: node, version: version, isCluster: isCluster, warnings: warnings)
    }
}
