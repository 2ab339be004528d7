public import CardumeCore
import Configuration
import Foundation

/// The effective value of every key: live override before environment before file before default.
public struct ConfigurationValues: Sendable {
    public enum Source: String, Sendable {
        case `default`
        case file
        case environment
        case `override`
    }

    /// One key with the value it has.
    public struct Effective: Sendable {
        public let path: [String]
        public let key: ConfigurationKey
        public internal(set) var text: String
        public let source: Source
        let place: String
        /// Where a secret was read from; `nil` for what stands in the configuration itself.
        var secretFile: String?
        /// What somebody has set while the program runs; `nil` for any other source.
        public var `override`: SettingOverride?
    }

    /// What the process does with it.
    var use = ConfigurationUse.everything
    let names: [[String]: [String]]
    var effective: [[String]: Effective]

    /// Names given below `path`, in the file's order.
    func names(under path: [String]) -> [String] { self.names[path] ?? [] }

    /// The text at `path`; `nil` when it has neither value nor default.
    func text(_ path: [String]) -> String? { self.effective[path]?.text }

    func place(_ path: [String]) -> String { self.effective[path]?.place ?? "" }

    /// Every item of every list, with the keys it must have: all those that the table has for it and that have no default.
    var listItems: [(path: [String], keys: [String])] {
        let required = ConfigurationKey.all.filter { $0.components.contains("#") && $0.defaultValue == nil }
        let lists = Dictionary(grouping: required.map(\.components)) { Array($0.dropLast()) }
        return lists.flatMap { pattern, keys in
            Self.paths(of: pattern, self.names).map { ($0, keys.compactMap(\.last)) }
        }.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }

    /// All effective values, in the table's order.
    public var all: [Effective] {
        ConfigurationKey.all.flatMap { key in
            Self.paths(of: key.components, self.names).compactMap { self.effective[$0] }
        }
    }

    /// - Parameters:
    ///   - yaml: the file's text; empty for none.
    ///   - file: how messages name the file.
    /// - Throws: ``ConfigurationProblems``, all at once.
    public init(yaml: String, file: String, environment: [String: String]) throws {
        let document = ConfigurationDocument(yaml: yaml, file: file)
        var problems = document.problems
        var effective: [[String]: Effective] = [:]
        let reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
        var names = document.names
        // A configuration that names none has one of each.
        for (section, only) in [("assistants", "atendimento"), ("channels", "*"), ("pools", "default")]
        where names[[section]]?.isEmpty ?? true {
            names[[section]] = [only]
        }
        for key in ConfigurationKey.all {
            for path in Self.paths(of: key.components, names) {
                do {
                    effective[path] = try Self.resolve(key, path, document, reader)
                } catch let problem as ConfigurationProblem {
                    problems.append(problem)
                }
            }
        }
        guard problems.isEmpty else { throw ConfigurationProblems(problems: problems) }
        self.names = names
        self.effective = effective
    }

    /// `pattern` with every name and item that the document has in the places of `*` and `#`.
    static func paths(of pattern: [String], _ names: [[String]: [String]]) -> [[String]] {
        pattern.reduce([[]]) { paths, component in
            paths.flatMap { path in
                component == "*" || component == "#"
                    ? (names[path] ?? []).map { path + [$0] } : [path + [component]]
            }
        }
    }

    /// The name of the environment variable that overrides `path`.
    public static func environmentName(of path: [String]) -> String {
        (["cardume"] + path).joined(separator: "_").uppercased().unicodeScalars
            .map { $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil) ? String($0) : "_" }.joined()
    }

    private static func resolve(
        _ key: ConfigurationKey, _ path: [String], _ document: ConfigurationDocument, _ environment: ConfigReader
    ) throws -> Effective? {
        let filePath = path.dropLast() + [(path.last ?? "") + "_file"]
        if key.isInEnvironment {
            let names = [self.environmentName(of: path), key.alias].compactMap { $0 }
            for name in names {
                guard let text = environment.string(forKey: ConfigKey([name]), isSecret: key.isSecret) else { continue }
                if let problem = key.problem(with: text) {
                    throw ConfigurationProblem(place: name, key: path.joined(separator: "."), message: problem)
                }
                return Effective(path: path, key: key, text: text, source: .environment, place: name)
            }
            for name in names where key.isSecret {
                guard let file = environment.string(forKey: ConfigKey([name + "_FILE"])) else { continue }
                let text = try SecretFile.read(file, place: name + "_FILE", for: path)
                return Effective(
                    path: path, key: key, text: text, source: .environment, place: name + "_FILE", secretFile: file)
            }
        }
        if let value = document.values[path] {
            return Effective(path: path, key: key, text: value.text, source: .file, place: value.place)
        }
        if key.isSecret, let value = document.values[Array(filePath)] {
            let text = try SecretFile.read(value.text, place: value.place, for: path)
            return Effective(
                path: path, key: key, text: text, source: .file, place: value.place, secretFile: value.text)
        }
        return key.defaultValue.map { Effective(path: path, key: key, text: $0, source: .default, place: "") }
    }
}
