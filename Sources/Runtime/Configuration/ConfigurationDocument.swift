import Foundation
import Yams

/// What is wrong with a configuration, and where.
public struct ConfigurationProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// `cardume.yaml:12:5`, or the name of an environment variable.
    public let place: String
    public let key: String
    public let message: String

    public var description: String {
        [self.place, self.key, self.message].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}

/// All that is wrong with a configuration.
public struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
    public let problems: [ConfigurationProblem]

    public var description: String { self.problems.map(\.description).joined(separator: "\n") }
}

/// A YAML file, checked against the table of keys and flattened to paths.
struct ConfigurationDocument {
    struct Value {
        let text: String
        let place: String
    }

    private(set) var values: [[String]: Value] = [:]
    /// Names of the user's choice, in the file's order: `["assistants"]` → `["financeiro", …]`.
    private(set) var names: [[String]: [String]] = [:]
    private(set) var problems: [ConfigurationProblem] = []
    private let file: String

    /// - Parameter file: how messages name the file.
    init(yaml: String, file: String) {
        self.file = file
        do {
            guard let root = try Yams.compose(yaml: yaml) else { return }
            self.read(root, at: [])
        } catch let error as YamlError {
            self.problems.append(Self.problem(error, file: file))
        } catch {
            self.problems.append(ConfigurationProblem(place: file, key: "", message: String(describing: error)))
        }
    }

    /// The table's patterns that begin with `path`.
    private static func keys(under path: [String]) -> [[String]] {
        ConfigurationKey.all.map(\.components).filter { pattern in
            pattern.count > path.count && zip(pattern, path).allSatisfy { $0 == $1 || $0 == "*" || $0 == "#" }
        }
    }

    private mutating func read(_ node: Node, at path: [String]) {
        let below = Self.keys(under: path)
        let key = ConfigurationKey.all.first { $0.matches(path) }
        switch node {
        case .scalar(let scalar):
            // Nothing given is not a value: a token of `null` must not become the password "null".
            let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            if isNull {
                return
            } else if let key {
                if let problem = key.problem(with: scalar.string) { self.report(problem, node, path) }
                self.values[path] = Value(text: scalar.string, place: self.place(node))
            } else if Self.isSecretFile(path) {
                self.values[path] = Value(text: scalar.string, place: self.place(node))
            } else {
                self.report("expected \(below.contains { $0[path.count] == "#" } ? "a list" : "a section")", node, path)
            }
        case .mapping(let mapping):
            guard !below.isEmpty, !below.contains(where: { $0[path.count] == "#" }) else {
                return self.report("expected \(key?.allowed ?? "a list"), not a section", node, path)
            }
            self.read(mapping, at: path, below)
        case .sequence(let sequence):
            guard below.contains(where: { $0[path.count] == "#" }) else {
                return self.report("expected \(key?.allowed ?? "a section"), not a list", node, path)
            }
            for (index, item) in sequence.enumerated() { self.read(item, at: path + [String(index)]) }
            self.names[path] = sequence.indices.map(String.init)
        case .alias:
            self.report("aliases are not supported", node, path)
        }
    }

    private mutating func read(_ mapping: Node.Mapping, at path: [String], _ below: [[String]]) {
        let children = Set(below.map { $0[path.count] })
        // A channel may be called "*", too.
        let known = children.subtracting(["*", "#"])
        for (keyNode, value) in mapping {
            let name = keyNode.scalar?.string ?? ""
            let child = path + [name]
            if known.contains(name) || Self.isSecretFile(child) {
                self.read(value, at: child)
            } else if children.contains("*"), !name.isEmpty {
                self.names[path, default: []].append(name)
                self.read(value, at: child)
                if !Self.keys(under: child).isEmpty, self.names[child] == nil { self.names[child] = [] }
            } else {
                let nearest = NearestName.of(name, among: known.sorted())
                self.report("unknown key" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""), keyNode, child)
            }
        }
    }

    /// Whether `path` is a secret's key with `_file` added.
    private static func isSecretFile(_ path: [String]) -> Bool {
        guard let last = path.last, last.hasSuffix("_file") else { return false }
        let secret = path.dropLast() + [String(last.dropLast(5))]
        return ConfigurationKey.all.contains { $0.isSecret && $0.matches(Array(secret)) }
    }

    private func place(_ node: Node) -> String {
        node.mark.map { "\(self.file):\($0.line):\($0.column)" } ?? self.file
    }

    private mutating func report(_ message: String, _ node: Node, _ path: [String]) {
        self.problems.append(
            ConfigurationProblem(place: self.place(node), key: path.joined(separator: "."), message: message))
    }

    private static func problem(_ error: YamlError, file: String) -> ConfigurationProblem {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ConfigurationProblem(place: "\(file):\(mark.line):\(mark.column)", key: "", message: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            ConfigurationProblem(
                place: "\(file):\(context.mark.line):\(context.mark.column)", key: duplicates.joined(separator: ", "),
                message: "given twice")
        default:
            ConfigurationProblem(place: file, key: "", message: "not YAML: \(error)")
        }
    }
}
