import DequeModule

/// What waits to be handed to a server that may be slow, busy or away. Holds a bounded number; what does not fit is dropped and
/// counted. One batch is under way at a time, and is offered again until the server takes it, or has refused it for good.
public struct ExportQueue<Element: Sendable>: Sendable {
    public enum Outcome: Hashable, Sendable {
        /// The server has the batch, but for some that it did not like.
        case taken(rejected: Int)
        /// Repeating it would not help.
        case refused
        /// May be offered again, after the wait that the server asked for.
        case unavailable(retryAfter: Duration?)
    }

    private var waiting: Deque<Element> = []
    private var batch: [Element] = []
    /// How often ``batch`` was offered.
    private var attempts = 0
    /// Uptime.
    private var notBefore = Duration.zero
    private var isClosing = false
    private let backoff: RetryPolicy
    public private(set) var exported = 0
    public private(set) var dropped = 0

    /// - Parameter backoff: after its last attempt a batch is dropped. Defaults to 5 attempts, with waits of up to 1 s to 16 s.
    public init(backoff: RetryPolicy = RetryPolicy(maximumAttempts: 5, base: .seconds(1), cap: .seconds(30))) {
        self.backoff = backoff
    }

    /// What waits, with what is under way.
    public var count: Int { self.waiting.count + self.batch.count }

    /// - Parameters:
    ///   - capacity: of the whole queue.
    ///   - size: of a batch.
    /// - Returns: whether another batch has become full.
    public mutating func add(_ element: Element, capacity: Int, size: Int) -> Bool {
        guard self.count < capacity else {
            self.dropped += 1
            return false
        }
        self.waiting.append(element)
        return self.waiting.count % max(size, 1) == 0
    }

    /// The batch to offer now; ``ended(_:at:using:)`` follows. `nil` when there is none, or it is to wait.
    public mutating func next(size: Int, at now: Duration) -> [Element]? {
        guard self.isClosing || now >= self.notBefore else { return nil }
        if self.batch.isEmpty {
            let count = min(max(size, 1), self.waiting.count)
            self.batch = Array(self.waiting.prefix(count))
            self.waiting.removeFirst(count)
            self.attempts = 0
        }
        guard !self.batch.isEmpty else { return nil }
        self.attempts += 1
        return self.batch
    }

    public mutating func ended(_ outcome: Outcome, at now: Duration, using generator: inout some RandomNumberGenerator) {
        switch outcome {
        case .taken(let rejected):
            let rejected = min(max(rejected, 0), self.batch.count)
            self.exported += self.batch.count - rejected
            self.dropped += rejected
            self.batch = []
        case .unavailable(let retryAfter) where !self.isClosing && self.attempts < self.backoff.maximumAttempts:
            let own = self.backoff.delay(afterAttempt: self.attempts, using: &generator)
            self.notBefore = now + (retryAfter.map { max($0, own) } ?? own)
        case .refused, .unavailable:
            self.dropped += self.batch.count
            self.batch = []
        }
    }

    /// From now on each batch is offered once, without waits.
    public mutating func close() { self.isClosing = true }

    /// Nothing is offered any more.
    public mutating func abandon() {
        self.dropped += self.count
        self.waiting = []
        self.batch = []
    }
}
