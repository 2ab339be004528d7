public import CardumeCore

/// What the living parts need of the world. Built once by whoever composes the program.
public struct RuntimeEnvironment: Sendable {
    public var log: any PartitionLog
    public var journal: any Journal
    public var handler: any TurnHandler
    /// The way out to a number, or `nil` when none is configured.
    public var channel: @Sendable (ChannelID) -> (any MessageChannel)?
    public var observer: any RuntimeObserver
    public var clock: any RuntimeClock
    /// Kept up to date by the ``Coordinator``.
    public let trust = LeaseTrust()
    /// How long a turn of an assistant may take now; `nil` for as long as it likes.
    public var timeLimit: @Sendable (AssistantID) -> Duration? = { _ in nil }
    /// Kept up to date by whoever composes the program.
    public let gates = ChannelGates()
    /// `nil` where nobody makes spans.
    public var traces: Traces?
    /// All of them, but in simulations that find out what one is good for.
    package var safeguards = Safeguards.all
    /// 64 random bits; seeded in simulations.
    public var random: @Sendable () -> UInt64

    public init(
        log: any PartitionLog, journal: any Journal, handler: any TurnHandler,
        channel: @escaping @Sendable (ChannelID) -> (any MessageChannel)?,
        observer: any RuntimeObserver, clock: any RuntimeClock = SystemClock(),
        random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        self.log = log
        self.journal = journal
        self.handler = handler
        self.channel = channel
        self.observer = observer
        self.clock = clock
        self.random = random
    }

    var generator: some RandomNumberGenerator { FunctionGenerator(draw: self.random) }

    /// Repeats `operation` with growing waits for as long as the store is unavailable: what a conversation has begun can
    /// only go on, and nothing may be lost, so there is nothing better to do than to wait.
    ///
    /// - Throws: the first ``StoreError`` that is not transient, or `CancellationError`.
    func untilAvailable<Result: Sendable>(
        _ operation: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await operation()
        } catch let error as StoreError where error.code.isTransient {
            return try await self.repeated(operation, after: error)
        }
    }

    private func repeated<Result: Sendable>(
        _ operation: () async throws -> Result, after first: StoreError
    ) async throws -> Result {
        var error = first
        var attempt = 1
        while true {
            var generator = self.generator
            let policy = RetryPolicy(base: .milliseconds(200), cap: .seconds(5))
            let delay = policy.delay(afterAttempt: attempt, using: &generator) + .milliseconds(50)
            self.observer.record(.storeUnavailable(error, delay: delay), assistant: nil)
            try await self.clock.sleep(for: delay)
            attempt += 1
            do {
                return try await operation()
            } catch let next as StoreError where next.code.isTransient {
                error = next
            }
        }
    }
}

/// Random numbers from a function.
struct FunctionGenerator: RandomNumberGenerator {
    let draw: @Sendable () -> UInt64

    mutating func next() -> UInt64 { self.draw() }
}
