/// A dictionary of bounded size that forgets what has not been used for longest, roughly, at no cost: two generations, of
/// which the older one goes as a whole.
public struct Generations<Key: Hashable, Value> {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let half: Int

    /// - Parameter limit: entries at most. From 2. At least half as many, those used last, are kept.
    public init(limit: Int) {
        self.half = max(1, limit / 2)
    }

    public var count: Int { self.young.count + self.old.count }

    /// All values, in any order. Looking at them is no use.
    public var values: [Value] { Array(self.young.values) + Array(self.old.values) }

    /// Reading and writing are uses.
    public subscript(key: Key) -> Value? {
        mutating get {
            if let value = self.young[key] { return value }
            guard let value = self.old.removeValue(forKey: key) else { return nil }
            self.insert(value, key)
            return value
        }
        set {
            self.old[key] = nil
            guard let newValue else {
                self.young[key] = nil
                return
            }
            self.insert(newValue, key)
        }
    }

    private mutating func insert(_ value: Value, _ key: Key) {
        if self.young[key] == nil, self.young.count >= self.half { self.age() }
        self.young[key] = value
    }

    /// Forgets what has not been used since the call before this one.
    public mutating func age() {
        self.old = self.young
        self.young = [:]
    }
}

extension Generations: Sendable where Key: Sendable, Value: Sendable {}
