/// Who waits for a budget, in the order in which they first asked. Some are here, each with a caller; the others were sent away
/// for a while and keep their place until then, and a minute longer.
struct BudgetQueue: Sendable {
    struct Place: Sendable {
        let number: UInt64
        let key: String
        var tokens: Int
        /// Who waits here; `nil` while away.
        var caller: UInt64?
        /// Until when it may wait here, or, away, when it comes back.
        var until: Duration
    }

    /// How long after its time somebody who is away may come back to the same place.
    static let grace = Duration.seconds(60)

    private var nextNumber: UInt64 = 0
    private var places: [UInt64: Place] = [:]
    private var numbers: [String: UInt64] = [:]
    private var callers: [UInt64: UInt64] = [:]
    /// All places, and those of them whose callers are here: ascending.
    private var order: [UInt64] = []
    private var here: [UInt64] = []

    var count: Int { self.order.count }
    var hereCount: Int { self.here.count }

    /// Of those who are here, the first.
    var first: Place? { self.here.first.flatMap { self.places[$0] } }

    /// - Returns: those who are here, the first `count` of them.
    func first(_ count: Int) -> some Sequence<Place> { self.here.prefix(count).lazy.compactMap { self.places[$0] } }

    /// Takes `key`'s place up again, or a new one at the end. Returns how many are before it.
    ///
    /// - Parameter key: when somebody is here with the same, the newcomer is another.
    mutating func came(_ key: String, caller: UInt64, tokens: Int, until: Duration) -> Int {
        var key = key
        if let number = self.numbers[key], self.places[number]?.caller != nil { key += "#\(caller)" }
        let number: UInt64
        if let known = self.numbers[key] {
            number = known
            self.places[number]?.tokens = tokens
            self.places[number]?.caller = caller
            self.places[number]?.until = until
        } else {
            number = self.nextNumber
            self.nextNumber += 1
            self.places[number] = Place(number: number, key: key, tokens: tokens, caller: caller, until: until)
            self.numbers[key] = number
            self.order.append(number)
        }
        self.callers[caller] = number
        self.here.insert(number, at: Self.index(of: number, in: self.here))
        return Self.index(of: number, in: self.order)
    }

    /// How many are before a caller.
    func rank(of caller: UInt64) -> Int {
        self.callers[caller].map { Self.index(of: $0, in: self.order) } ?? 0
    }

    /// How many who are here are before a caller.
    func rank(ofCallerHere caller: UInt64) -> Int {
        self.callers[caller].map { Self.index(of: $0, in: self.here) } ?? 0
    }

    /// Sends a caller away until `time`, keeping its place.
    mutating func sentAway(_ caller: UInt64, until time: Duration) {
        guard let number = self.callers.removeValue(forKey: caller) else { return }
        self.places[number]?.caller = nil
        self.places[number]?.until = time
        self.here.remove(at: Self.index(of: number, in: self.here))
    }

    /// Forgets a caller and its place: it was served, or has given up.
    @discardableResult
    mutating func left(_ caller: UInt64) -> Place? {
        guard let number = self.callers.removeValue(forKey: caller) else { return nil }
        self.here.remove(at: Self.index(of: number, in: self.here))
        return self.remove(number)
    }

    /// Callers who have waited here for as long as they may.
    func overdue(at now: Duration) -> [UInt64] {
        self.here.compactMap { self.places[$0].flatMap { $0.until <= now ? $0.caller : nil } }
    }

    /// Forgets those who did not come back in time.
    mutating func forgetLost(at now: Duration) {
        for number in self.order.filter({ self.places[$0].map { $0.caller == nil && $0.until + Self.grace < now } ?? false }) {
            self.remove(number)
        }
    }

    @discardableResult
    private mutating func remove(_ number: UInt64) -> Place? {
        self.order.remove(at: Self.index(of: number, in: self.order))
        guard let place = self.places.removeValue(forKey: number) else { return nil }
        self.numbers[place.key] = nil
        return place
    }

    /// Where `number` stands, or would stand.
    private static func index(of number: UInt64, in numbers: [UInt64]) -> Int {
        var (low, high) = (0, numbers.count)
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
