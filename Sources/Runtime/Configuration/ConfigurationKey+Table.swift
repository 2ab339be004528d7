extension ConfigurationKey {
    /// All keys as a Markdown table.
    public static var table: String {
        let rows = self.all.map { key in
            let name =
                "`\(key.path.split(separator: ".").map { $0 == "*" ? "<name>" : $0 == "#" ? "[]" : String($0) }.joined(separator: "."))`"
            let standard = key.defaultValue.map { $0.isEmpty ? "empty" : "`\($0)`" } ?? "–"
            let names = [key.environmentPattern, key.alias].compactMap { $0 }
            let environment = names.isEmpty ? "–" : names.map { "`\($0)`" }.joined(separator: ", ")
            let secret = key.isSecret ? " Secret; also as `…_file`." : ""
            let live = key.isLive ? " Live." : ""
            return "| \(name) | \(key.allowed) | \(standard) | \(environment) | \(key.summary)\(secret)\(live) |"
        }
        return (["| Key | Values | Default | Environment | Meaning |", "|---|---|---|---|---|"] + rows).joined(separator: "\n")
    }
}
