import DequeModule

/// The requests of one caller in the latest minute, one by one: exact at every moment, unlike counters per interval. Holds at
/// most as many stamps as the limit allows.
///
/// `take-place.lua` does the same on a server.
public struct SlidingWindow: Sendable {
    private static let minute: Int64 = 60_000_000
    private static let second: Int64 = 1_000_000

    /// Oldest first.
    private var stamps: Deque<Int64> = []

    public init() {}

    /// Counts a request, unless it is over `limit`.
    ///
    /// - Parameter now: microseconds since any fixed origin. Going back counts as standing still.
    public mutating func take(_ limit: RateLimit, at now: Int64) -> RateDecision {
        let now = max(now, self.stamps.last ?? now)
        while let oldest = self.stamps.first, oldest <= now - Self.minute { self.stamps.removeFirst() }
        let before = self.standing(limit, at: now)
        guard before.remaining > 0 else {
            return RateDecision(isAllowed: false, limit: limit, remaining: 0, wait: .microseconds(before.wait), stamp: now)
        }
        self.stamps.append(now)
        let after = self.standing(limit, at: now)
        return RateDecision(
            isAllowed: true, limit: limit, remaining: after.remaining, wait: .microseconds(after.wait), stamp: now)
    }

    /// Forgets a request that was counted at `stamp`.
    public mutating func giveBack(_ stamp: Int64) {
        if let index = self.stamps.lastIndex(of: stamp) { self.stamps.remove(at: index) }
    }

    /// How many would pass now, and in how many microseconds that number grows.
    private func standing(_ limit: RateLimit, at now: Int64) -> (remaining: Int, wait: Int64) {
        let inMinute = Self.standing(self.stamps[...], limit.perMinute, Self.minute, now)
        guard limit.burst > 0 else { return inMinute }
        let recent = self.stamps.lastIndex { $0 <= now - Self.second }.map { self.stamps[($0 + 1)...] } ?? self.stamps[...]
        let inSecond = Self.standing(recent, limit.burst, Self.second, now)
        if inMinute.remaining != inSecond.remaining { return inMinute.remaining < inSecond.remaining ? inMinute : inSecond }
        return (inMinute.remaining, max(inMinute.wait, inSecond.wait))
    }

    /// - Parameter stamps: those inside the window.
    private static func standing(
        _ stamps: Deque<Int64>.SubSequence, _ limit: Int, _ window: Int64, _ now: Int64
    ) -> (remaining: Int, wait: Int64) {
        let remaining = max(0, limit - stamps.count)
        // When the limit was lowered, more than one has to leave.
        let first = stamps.dropFirst(max(0, stamps.count - limit)).first
        return (remaining, first.map { $0 + window - now } ?? 0)
    }
}
