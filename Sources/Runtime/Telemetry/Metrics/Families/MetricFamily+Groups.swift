extension MetricFamily {
    /// Upper bounds for what usually takes milliseconds: requests, commits, commands.
    static let quickly: [Double] = [
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    /// Upper bounds for what usually takes seconds: turns, models, waits.
    static let slowly: [Double] = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 900, 3_600]

    /// All families, in the order in which the reference shows them.
    public static let groups: [(title: String, families: [MetricFamily])] = [
        ("Doors", Self.doors), ("Queues and turns", Self.queues), ("Slots", Self.slots), ("Sends and gateways", Self.sends),
        ("Models and budgets", Self.models), ("Stores", Self.stores), ("Upkeep", Self.upkeep),
        ("Cluster and conversations", Self.cluster),
        ("Scaling", Self.scaling), ("Process", Self.process), ("Metrics", Self.registry),
    ]

    /// The reference, as it stands in docs/metrics.md.
    public static var table: String {
        Self.groups.map { group in
            let rows = group.families.map { family in
                let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
                return "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |"
            }
            return "### \(group.title)\n\n| Name | Type | Labels | Meaning |\n|---|---|---|---|\n"
                + rows.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }
}
