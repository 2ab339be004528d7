/// How many calls a worker has made lately, and how large they were.
struct CallRate: Sendable {
    /// How long after a call the next one is expected.
    static let idleTime = Duration.seconds(2)
    /// How much of each further call counts.
    private static let weight = 1.0 / 16

    private var latest: Duration?
    /// Decays within about a second.
    private var calls = 0.0
    private(set) var tokens: Double?

    mutating func called(_ tokens: Int, at now: Duration) {
        let since = self.latest.map { (now - $0).seconds } ?? .greatestFiniteMagnitude
        self.calls = self.calls / (1 + since) + 1
        self.latest = now
        self.tokens = self.tokens.map { $0 + (Double(tokens) - $0) * Self.weight } ?? Double(tokens)
    }

    func isIdle(at now: Duration) -> Bool { self.latest.map { now - $0 > Self.idleTime } ?? true }

    /// Calls expected within `duration`.
    func expected(in duration: Duration, at now: Duration) -> Int {
        guard let latest = self.latest, !self.isIdle(at: now) else { return 0 }
        return Int((self.calls / (1 + (now - latest).seconds) * duration.seconds).rounded(.up))
    }
}
