/// Whether this deployment may be put under load, and under how much.
struct LoadtestSettings: Sendable {
    /// What whoever does it must know; `nil`: nobody may.
    let consent: String?
    /// Messages per second.
    let maximumRate: Int

    init(_ root: ConfigurationSection) {
        let section = root.section("loadtest")
        self.consent = section.optional("consent")
        self.maximumRate = section.integer("max_rate")
    }
}
