import Foundation

/// How long data is kept, and how it is looked after.
public struct UpkeepSettings: Hashable, Sendable {
    public struct Archive: Hashable, Sendable {
        public var folder: String
        /// Silence after which a conversation goes there.
        public var after: Duration
    }

    public var isEnabled: Bool
    public var interval: Duration
    public var timeLimit: Duration
    /// Rows in one transaction, about.
    public var batch: Int
    public var pause: Duration
    /// Of what was said and sent. `nil`, here and below: for ever.
    public var retention: Duration?
    public var deadLetters: Duration?
    public var rejectedWebhooks: Duration?
    public var replays: Duration?
    public var audit: Duration?
    public var usage: Duration?
    public var settingChanges: Duration?
    /// `nil`: nothing is archived.
    public var archive: Archive?
    /// Whether somebody has said that nothing is to be archived, rather than not said where.
    public var refusesArchive: Bool

    init(_ root: ConfigurationSection) {
        func duration(_ section: ConfigurationSection, _ key: String) -> Duration? {
            let duration = section.duration(key)
            return duration == .zero ? nil : duration
        }
        let (upkeep, keep, archive) = (root.section("upkeep"), root.section("keep"), root.section("archive"))
        self.isEnabled = upkeep.flag("enabled")
        self.interval = upkeep.duration("interval")
        self.timeLimit = upkeep.duration("time_limit")
        self.batch = upkeep.integer("batch")
        self.pause = upkeep.duration("pause")
        self.retention = duration(root, "retention")
        self.deadLetters = duration(keep, "dead_letters")
        self.rejectedWebhooks = duration(keep, "rejected_webhooks")
        self.replays = duration(keep, "replays")
        self.audit = duration(keep, "audit")
        self.usage = duration(keep, "usage")
        self.settingChanges = duration(keep, "setting_changes")
        let after = duration(archive, "after")
        self.archive = archive.optional("folder").flatMap { folder in after.map { Archive(folder: folder, after: $0) } }
        self.refusesArchive = after == nil
    }

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues) -> [ConfigurationProblem] {
        let root = ConfigurationSection(values: values, path: [])
        var problems: [ConfigurationProblem] = []
        func require(_ path: [String], atLeast least: (name: String, duration: Duration)) {
            let value = ConfigurationDuration.parse(values.text(path) ?? "") ?? .zero
            guard value != .zero, value < max(.seconds(86_400), least.duration) else { return }
            problems.append(
                ConfigurationProblem(
                    place: values.place(path), key: path.joined(separator: "."),
                    message: "must be 0, or at least 24h and at least `\(least.name)` "
                        + "(\(ConfigurationDuration.text(least.duration)))"))
        }
        // What is no longer known is answered again when its webhook is repeated.
        require(["retention"], atLeast: ("dedupe_window", root.duration("dedupe_window")))
        require(["keep", "dead_letters"], atLeast: ("dedupe_window", root.duration("dedupe_window")))
        if root.section("archive").optional("folder") != nil {
            require(["archive", "after"], atLeast: ("session", root.duration("session")))
            require(["archive", "after"], atLeast: ("dedupe_window", root.duration("dedupe_window")))
        }
        return problems
    }
}
