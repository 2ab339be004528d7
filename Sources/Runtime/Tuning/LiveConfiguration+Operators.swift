import CardumeCore

/// One setting as an operator sees it.
struct SettingState: Sendable {
    var value: ConfigurationValues.Effective?
    var path: [String]
    var key: ConfigurationKey
    /// What file, environment and default say.
    var base: ConfigurationValues.Effective?
    /// Set, but not in force.
    var refused: RefusedOverride?
}

/// What operators ask for and change.
extension LiveConfiguration {
    /// - Parameter all: whether those that need a restart are listed, too.
    func list(all: Bool) async -> [SettingState] {
        self.base.values.paths.filter { all || $0.key.isLive }.map { self.state($0.path, $0.key) }
    }

    /// - Throws: ``SettingRefusal``.
    func state(of name: String) throws -> SettingState {
        let (path, key) = try SettingName.resolve(name, in: self.base.values)
        return self.state(path, key)
    }

    private func state(_ path: [String], _ key: ConfigurationKey) -> SettingState {
        let text = path.joined(separator: ".")
        return SettingState(
            value: self.current.values.effective[path], path: path, key: key, base: self.base.values.effective[path],
            refused: self.refused.first { $0.override.path == text })
    }

    /// Sets `name`; in force here when this returns.
    ///
    /// - Throws: ``SettingRefusal``, or a ``StoreError`` when the store does not answer.
    func set(_ name: String, to value: String, for lifetime: Duration?, by author: SettingAuthor) async throws -> SettingChange
    {
        let (path, key) = try SettingName.resolve(name, in: self.base.values)
        let text = path.joined(separator: ".")
        await self.refresh()
        // Held against what else is in force, as the youngest.
        let now = Timestamp(milliseconds: .max)
        let candidate = SettingOverride(path: text, value: value, author: author, at: now)
        let others = self.current.values.all.compactMap(\.override).filter { $0.path != text }
        if let problem = self.base.overridden(by: others + [candidate]).refused.first(where: { $0.override == candidate }) {
            let code: SettingRefusal.Code = key.isSecret ? .isSecret : key.isLive ? .notAllowed : .needsRestart
            throw SettingRefusal(code, "\(text): \(problem.problem)")
        }
        let change = try await self.store.set(text, to: value, for: lifetime, by: author)
        await self.refresh()
        return change
    }

    /// - Returns: `nil` when it was not set.
    func unset(_ name: String, by author: SettingAuthor) async throws -> SettingChange? {
        // One that the configuration no longer has room for can be taken away, too.
        let path = (try? SettingName.resolve(name, in: self.base.values).path.joined(separator: ".")) ?? name
        let change = try await self.store.unset(path, by: author)
        if change == nil { _ = try SettingName.resolve(name, in: self.base.values) }
        await self.refresh()
        return change
    }

    func rollBack(to change: Int64, by author: SettingAuthor) async throws -> [SettingChange] {
        guard let changes = try await self.store.rollBack(to: change, by: author) else {
            throw SettingRefusal(.unknownChange, "there is no change \(change); see the history")
        }
        await self.refresh()
        return changes
    }

    /// One change, whole.
    func change(_ id: Int64) async throws -> SettingChange {
        guard let change = try await self.store.change(id) else {
            throw SettingRefusal(.unknownChange, "there is no change \(id); see the history")
        }
        return change
    }

    /// Long values are cut; see ``OverrideStore/history(of:limit:)``.
    ///
    /// - Parameter name: of one setting, perhaps one that is gone; `nil` for all.
    func history(of name: String?, limit: Int) async throws -> [SettingChange] {
        let path = name.map { name in
            (try? SettingName.resolve(name, in: self.base.values).path.joined(separator: ".")) ?? name
        }
        return try await self.store.history(of: path, limit: limit)
    }
}
