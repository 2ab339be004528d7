/// One key of the configuration: where it stands, what it may hold, what it does. The table of all keys is
/// ``ConfigurationKey/all``; validation, `config print`, the documentation and the environment's names are made from it.
public struct ConfigurationKey: Sendable {
    public enum Kind: Sendable {
        case text
        case url
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        case flag
        /// Written as `250ms`, `2s`, `5m` or `24h`.
        case duration(ClosedRange<Duration>)
        case choice([String])
        /// The name of a configured assistant.
        case assistant
    }

    /// Parts separated by dots; `*` stands for a name of the user's choice, `#` for each item of a list.
    public let path: String
    public let kind: Kind
    /// As it would be written; `nil` when there is none.
    public let defaultValue: String?
    /// Never shown or logged; may come from a file through a key of the same name ending in `_file`.
    public let isSecret: Bool
    /// Another environment variable that is read when the key's own is not set: a name that platforms set by themselves.
    public let alias: String?
    public let summary: String
    /// Whether it may be changed while the program runs.
    public let isLive: Bool

    init(
        _ path: String, _ kind: Kind, default defaultValue: String? = nil, isSecret: Bool = false, alias: String? = nil,
        isLive: Bool = false, _ summary: String
    ) {
        self.alias = alias
        self.isLive = isLive
        self.path = path
        self.kind = kind
        self.defaultValue = defaultValue
        self.isSecret = isSecret
        self.summary = summary
    }

    var components: [String] { self.path.split(separator: ".").map(String.init) }

    /// Items of lists have no name by which the environment could mean them.
    var isInEnvironment: Bool { !self.components.contains("#") && self.components.last != "*" }

    /// `CARDUME_ASSISTANTS_<NAME>_SLOTS`; `nil` for items of lists.
    public var environmentPattern: String? {
        guard self.isInEnvironment else { return nil }
        return (["cardume"] + self.components).map { $0 == "*" ? "<NAME>" : $0.uppercased() }.joined(separator: "_")
    }

    /// Whether this key is the one at `path`.
    func matches(_ path: [String]) -> Bool {
        let own = self.components
        return own.count == path.count && zip(own, path).allSatisfy { $0 == $1 || $0 == "*" || $0 == "#" }
    }

    /// What is allowed, for people.
    public var allowed: String {
        switch self.kind {
        case .text: "text"
        case .url: "http or https URL"
        case .integer(let range): "integer, \(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "number, \(range.lowerBound) to \(range.upperBound)"
        case .flag: "true or false"
        case .duration(let range):
            "duration, \(ConfigurationDuration.text(range.lowerBound)) to \(ConfigurationDuration.text(range.upperBound))"
        case .choice(let choices): choices.joined(separator: ", ")
        case .assistant: "name of an assistant"
        }
    }

    /// Why `text` is not allowed here; `nil` when it is.
    func problem(with text: String) -> String? {
        let isAllowed =
            switch self.kind {
            case .text, .assistant: true
            case .url: Self.isURL(text)
            case .integer(let range): Int(text).map(range.contains) ?? false
            case .number(let range): Double(text).map(range.contains) ?? false
            case .flag: ["true", "false"].contains(text)
            case .duration(let range): ConfigurationDuration.parse(text).map(range.contains) ?? false
            case .choice(let choices): choices.contains(text)
            }
        guard !isAllowed else { return nil }
        return "\(self.isSecret ? "the value" : "\"\(text)\"") is not allowed; expected \(self.allowed)"
    }

    private static func isURL(_ text: String) -> Bool {
        guard let range = text.range(of: "://") else { return false }
        let host = text[range.upperBound...].prefix { $0 != "/" && $0 != ":" && $0 != "?" }
        return ["http", "https"].contains(text[..<range.lowerBound]) && !host.isEmpty
            && text.allSatisfy { $0.isASCII && !$0.isWhitespace }
    }
}

enum ConfigurationDuration {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
    ]

    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let unit = self.units.first(where: { $0.suffix == text.dropFirst(digits.count) }),
            let count = Int64(digits), count <= 1_000_000_000
        else { return nil }
        return .milliseconds(count * unit.milliseconds)
    }

    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        guard milliseconds > 0, let unit = self.units.last(where: { milliseconds % $0.milliseconds == 0 }) else {
            return "0s"
        }
        return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }
}
