/// Slows down those who guess passwords.
///
/// Failures are counted for each pair of user and address, and for each address and each user alone with larger limits: nobody
/// tries many users from one address, nor one user from many addresses. Whoever is over a limit is not even looked at until
/// enough failures have grown old. A success forgets the pair's failures.
public struct LoginGuard: Sendable {
    public struct Policy: Hashable, Sendable {
        /// Failures of one user from one address within ``window``. From 1.
        public var attempts: Int
        public var window: Duration

        public init(attempts: Int, window: Duration) {
            self.attempts = attempts
            self.window = window
        }

        fileprivate var perAddress: Int { self.attempts * 4 }
        /// Large, because anybody can fill it and lock the user out by that.
        fileprivate var perUser: Int { self.attempts * 20 }
    }

    private enum Key: Hashable {
        case pair(user: String, address: String)
        case address(String)
        case user(String)
    }

    /// More are forgotten, the oldest first: bounds memory against many addresses.
    private static let limit = 10_000

    /// Times of failures, on the monotonic clock, oldest first.
    private var failures: [Key: [Duration]] = [:]

    public init() {}

    /// How long this user must wait at this address before a password is looked at; `nil` when it is looked at now.
    public mutating func wait(_ user: String, from address: String, _ policy: Policy, at now: Duration) -> Duration? {
        self.keys(user, address, policy).compactMap { key, limit in
            self.forget(key, before: now - policy.window)
            guard let times = self.failures[key], times.count >= limit else { return nil }
            return times[times.count - limit] + policy.window - now
        }.max()
    }

    public mutating func failed(_ user: String, from address: String, _ policy: Policy, at now: Duration) {
        if self.failures.count >= Self.limit {
            for key in Array(self.failures.keys) { self.forget(key, before: now - policy.window) }
            if self.failures.count >= Self.limit, let oldest = self.failures.min(by: { $0.value[0] < $1.value[0] }) {
                self.failures[oldest.key] = nil
            }
        }
        for (key, limit) in self.keys(user, address, policy) {
            self.failures[key, default: []].append(now)
            // Older ones decide nothing.
            if let count = self.failures[key]?.count, count > limit { self.failures[key]?.removeFirst(count - limit) }
        }
    }

    public mutating func succeeded(_ user: String, from address: String) {
        self.failures[.pair(user: user, address: address)] = nil
    }

    private func keys(_ user: String, _ address: String, _ policy: Policy) -> [(Key, Int)] {
        [
            (.pair(user: user, address: address), policy.attempts), (.address(address), policy.perAddress),
            (.user(user), policy.perUser),
        ]
    }

    private mutating func forget(_ key: Key, before time: Duration) {
        guard let times = self.failures[key] else { return }
        let recent = times.drop { $0 <= time }
        if recent.count < times.count { self.failures[key] = recent.isEmpty ? nil : Array(recent) }
    }
}
