public import CardumeCore

/// An override that does not count, and why.
public struct RefusedOverride: Hashable, Sendable {
    public var override: SettingOverride
    /// For the operator.
    public var problem: String
}

extension ConfigurationValues {
    /// Every path that the configuration has room for, with its key, in the table's order.
    var paths: [(path: [String], key: ConfigurationKey)] {
        ConfigurationKey.all.flatMap { key in Self.paths(of: key.components, self.names).map { ($0, key) } }
    }

    func override(at path: [String]) -> SettingOverride? { self.effective[path]?.override }

    /// These values with `overrides` over them, each of which is looked at by itself.
    func overridden(by overrides: [SettingOverride]) -> (values: ConfigurationValues, refused: [RefusedOverride]) {
        let known = Dictionary(self.paths.map { ($0.path.joined(separator: "."), $0) }) { first, _ in first }
        var values = self
        var refused: [RefusedOverride] = []
        for override in overrides {
            if let problem = Self.problem(with: override.value, at: known[override.path]?.key) {
                refused.append(RefusedOverride(override: override, problem: problem))
            } else if let (path, key) = known[override.path] {
                values.effective[path] = Effective(
                    path: path, key: key, text: override.value, source: .override, place: "override", override: override)
            }
        }
        return (values, refused)
    }

    /// Why a key may not be set to `text` while the program runs; `nil` when it may.
    private static func problem(with text: String, at key: ConfigurationKey?) -> String? {
        guard let key else { return "the configuration has no such setting" }
        if key.isSecret { return "it is a secret: secrets are never set here" }
        guard key.isLive else {
            return "it needs a restart: change it in the configuration file"
                + (key.isInEnvironment ? " or the environment" : "") + ", then restart"
        }
        if let problem = key.problem(with: text) { return problem }
        if case .assistant = key.kind, text.isEmpty, key.defaultValue == nil { return "it must name an assistant" }
        return text.utf8.contains(0) ? "the value contains a NUL" : nil
    }
}

extension CardumeConfiguration {
    /// This configuration with `overrides` over it. What is not allowed, by itself or together with the rest, is left out: no
    /// override can make a configuration that would not start.
    ///
    /// - Parameter overrides: in any order; where some contradict each other, those set first count.
    public func overridden(
        by overrides: [SettingOverride]
    ) -> (configuration: CardumeConfiguration, refused: [RefusedOverride]) {
        let (values, refused) = self.values.overridden(by: overrides)
        if let configuration = try? CardumeConfiguration(values) { return (configuration, refused) }
        let others = overrides.filter { override in !refused.contains { $0.override == override } }
        return others.sorted { ($0.at, $0.path) < ($1.at, $1.path) }.reduce((self, refused)) { result, override in
            let (configuration, refused) = result
            let (values, _) = configuration.values.overridden(by: [override])
            do {
                return (try CardumeConfiguration(values), refused)
            } catch {
                let problem = (error as? ConfigurationProblems)?.problems.first.map { "\($0.key): \($0.message)" }
                return (configuration, refused + [RefusedOverride(override: override, problem: problem ?? "\(error)")])
            }
        }
    }
}
