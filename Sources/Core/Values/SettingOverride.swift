/// A setting that somebody has set while the program runs, instead of what its file and environment say.
public struct SettingOverride: Hashable, Sendable {
    /// The key's path with dots: `assistants.financeiro.slots`.
    public var path: String
    /// As it would be written in the configuration file.
    public var value: String
    public var author: SettingAuthor
    /// By the store's clock, like ``expiresAt``.
    public var at: Timestamp
    /// When it ceases to count; `nil` for never.
    public var expiresAt: Timestamp?

    public init(path: String, value: String, author: SettingAuthor, at: Timestamp, expiresAt: Timestamp? = nil) {
        self.path = path
        self.value = value
        self.author = author
        self.at = at
        self.expiresAt = expiresAt
    }

    public func isInForce(at now: Timestamp) -> Bool {
        self.expiresAt.map { now < $0 } ?? true
    }
}

/// Who changes a setting, and why.
public struct SettingAuthor: Hashable, Sendable {
    public var name: String
    /// In the author's words; `nil` when none was given.
    public var reason: String?

    public init(_ name: String, reason: String? = nil) {
        self.name = name
        self.reason = reason
    }
}

/// A line of the settings' journal. Lines are never changed nor removed.
public struct SettingChange: Hashable, Sendable {
    public enum Action: String, Sendable {
        case set
        case unset
        /// Its time was over.
        case expired
    }

    /// Unicode characters of a value that lists of changes show.
    public static let previewLength = 1_024

    /// From 1, without gaps, in the order in which changes were committed.
    public var id: Int64
    public var at: Timestamp
    public var author: SettingAuthor
    public var action: Action
    public var path: String
    /// The override before; `nil` for none.
    public var old: String?
    /// The override from now on; `nil` for none.
    public var new: String?
    /// Of the new one.
    public var expiresAt: Timestamp?

    public init(
        id: Int64, at: Timestamp, author: SettingAuthor, action: Action, path: String, old: String?, new: String?,
        expiresAt: Timestamp?
    ) {
        self.id = id
        self.at = at
        self.author = author
        self.action = action
        self.path = path
        self.old = old
        self.new = new
        self.expiresAt = expiresAt
    }

    /// The override that it made; `nil` when it ended one.
    public var made: SettingOverride? {
        self.new.map {
            SettingOverride(path: self.path, value: $0, author: self.author, at: self.at, expiresAt: self.expiresAt)
        }
    }
}

/// All overrides at one moment.
public struct OverrideSnapshot: Hashable, Sendable {
    /// The latest change's id; 0 before the first.
    public var version: Int64
    /// The store's clock when this was read.
    public var readAt: Timestamp
    /// One for each path, expired ones that nobody has taken away yet included, sorted by path.
    public var overrides: [SettingOverride]

    public init(version: Int64 = 0, readAt: Timestamp = Timestamp(milliseconds: 0), overrides: [SettingOverride] = []) {
        self.version = version
        self.readAt = readAt
        self.overrides = overrides
    }
}
