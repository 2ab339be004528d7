/// One transaction on the overrides: what is set, what it becomes, and the journal's lines about it. Stores read it, change it
/// and write ``changes``; all of them obey the same rules thereby.
public struct OverrideBook {
    /// Who takes away what has expired.
    public static let clock = SettingAuthor("cardume")

    private let time: Timestamp
    private var nextID: Int64
    private var overrides: [String: SettingOverride]
    /// What is to be journaled and carried out, in order: each makes an override (``SettingChange/made``) or ends the one at its
    /// path.
    public private(set) var changes: [SettingChange] = []

    /// - Parameters:
    ///   - version: the latest change's id.
    ///   - now: the store's clock.
    public init(_ overrides: [SettingOverride], version: Int64, at now: Timestamp) {
        self.time = now
        self.nextID = version + 1
        self.overrides = Dictionary(overrides.map { ($0.path, $0) }) { $1 }
    }

    /// - Parameter lifetime: longer than zero; `nil` for ever.
    public mutating func set(_ path: String, to value: String, for lifetime: Duration?, by author: SettingAuthor) {
        self.write(.set, path, value, until: lifetime.map { self.time.advanced(by: $0) }, author)
    }

    public mutating func unset(_ path: String, by author: SettingAuthor) {
        guard self.overrides[path] != nil else { return }
        self.write(.unset, path, nil, until: nil, author)
    }

    /// Takes away what has expired.
    public mutating func expire() {
        for path in self.overrides.keys.sorted() where self.overrides[path]?.isInForce(at: self.time) == false {
            self.write(.expired, path, nil, until: nil, Self.clock)
        }
    }

    /// Makes the overrides what `wanted` says, as far as their time is not over; leaves alone what is so already.
    public mutating func restore(_ wanted: [SettingOverride], by author: SettingAuthor) {
        let wanted = Dictionary(wanted.map { ($0.path, $0) }) { $1 }.filter { $0.value.isInForce(at: self.time) }
        for path in Set(self.overrides.keys).union(wanted.keys).sorted() {
            let (old, new) = (self.overrides[path], wanted[path])
            if old?.value == new?.value, old?.expiresAt == new?.expiresAt { continue }
            self.write(new == nil ? .unset : .set, path, new?.value, until: new?.expiresAt, author)
        }
    }

    private mutating func write(
        _ action: SettingChange.Action, _ path: String, _ value: String?, until end: Timestamp?, _ author: SettingAuthor
    ) {
        let change = SettingChange(
            id: self.nextID, at: self.time, author: author, action: action, path: path, old: self.overrides[path]?.value,
            new: value, expiresAt: end)
        self.nextID += 1
        self.overrides[path] = change.made
        self.changes.append(change)
    }
}
