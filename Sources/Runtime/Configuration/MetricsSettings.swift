/// What the process counts.
public struct MetricsSettings: Sendable {
    public var isEnabled: Bool

    init(_ root: ConfigurationSection) { self.isEnabled = root.section("metrics").flag("enabled") }
}
