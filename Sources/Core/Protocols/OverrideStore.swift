/// Where live settings are kept, with the journal of their changes. Shared by all processes of a deployment.
///
/// Every change is one transaction: overrides, journal and version move together. The store's own clock dates changes and
/// ends overrides. All calls may come from any task.
public protocol OverrideStore: Sendable {
    /// The latest change's id; 0 before the first. Asked twice a second by every process: one cheap query.
    func version() async throws(StoreError) -> Int64

    /// What is set, read at one moment.
    func snapshot() async throws(StoreError) -> OverrideSnapshot

    /// Sets `path`, in place of what was set there before.
    ///
    /// - Parameter lifetime: after which the override ceases to count; `nil` for never.
    func set(
        _ path: String, to value: String, for lifetime: Duration?, by author: SettingAuthor
    ) async throws(StoreError) -> SettingChange

    /// Takes an override away. `nil`, and no change, when there is none.
    func unset(_ path: String, by author: SettingAuthor) async throws(StoreError) -> SettingChange?

    /// Makes the overrides what they were right after `change` (0: before the first), less those whose time is over meanwhile.
    ///
    /// - Returns: the changes that took, journaled like any others; `nil`, and none, when there was no such change.
    func rollBack(to change: Int64, by author: SettingAuthor) async throws(StoreError) -> [SettingChange]?

    /// Takes away the overrides whose time is over. Of processes that do so at once, one finds them.
    func expire() async throws(StoreError) -> [SettingChange]

    /// One change, whole; `nil` when there was none of this number.
    func change(_ id: Int64) async throws(StoreError) -> SettingChange?

    /// The latest changes, latest first. Of long values only the beginning, one character more than
    /// ``SettingChange/previewLength``.
    ///
    /// - Parameter path: only this key's; `nil` for all.
    func history(of path: String?, limit: Int) async throws(StoreError) -> [SettingChange]
}
