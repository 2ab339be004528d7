/// Finds the setting that an operator means.
public enum SettingName {
    /// Names of settings that people know by others.
    private static let aliases = ["concurrency": "slots"]

    /// The paths that `text` may stand for: itself; with `assistants.` or `channels.` before it.
    static func candidates(_ text: String) -> [String] {
        var name = text
        for (alias, key) in Self.aliases where text.hasSuffix("." + alias) {
            name = String(text.dropLast(alias.count)) + key
        }
        return [name, "assistants." + name, "channels." + name]
    }

    /// - Throws: ``SettingRefusal``, with the nearest names, when `text` means no setting or more than one.
    static func resolve(_ text: String, in values: ConfigurationValues) throws -> (path: [String], key: ConfigurationKey) {
        let known = Dictionary(values.paths.map { ($0.path.joined(separator: "."), $0) }) { first, _ in first }
        let candidates = Self.candidates(text)
        if let exact = known[candidates[0]] { return exact }
        let found = candidates.dropFirst().filter { known[$0] != nil }
        guard found.count < 2 else {
            throw SettingRefusal(.unknown, "\"\(text)\" may mean \(found.joined(separator: " or ")); write the whole path")
        }
        if let path = found.first, let setting = known[path] { return setting }
        let near = NearestName.all(near: text, among: known.keys.sorted().flatMap(Self.spellings), limit: 3)
        let question = near.isEmpty ? "" : "; did you mean \(near.joined(separator: ", "))?"
        throw SettingRefusal(.unknown, "there is no setting \"\(text)\"\(question)")
    }

    /// How `path` may be written.
    private static func spellings(_ path: String) -> [String] {
        for section in ["assistants.", "channels."] where path.hasPrefix(section) {
            let short = String(path.dropFirst(section.count))
            let others = Self.aliases.filter { short.hasSuffix("." + $0.value) }.map {
                String(short.dropLast($0.value.count)) + $0.key
            }
            return [path, short] + others
        }
        return [path]
    }
}

/// Why a setting cannot be changed, or shown.
public struct SettingRefusal: Error, Hashable, Sendable {
    public enum Code: String, Sendable {
        /// Nothing has that name, or several things do.
        case unknown = "unknown_setting"
        case notAllowed = "not_allowed"
        case needsRestart = "needs_restart"
        case isSecret = "is_secret"
        case unknownChange = "unknown_change"
    }

    public var code: Code
    public var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
