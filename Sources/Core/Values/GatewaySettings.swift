/// How a number's replies find their server and at what pace they go. May change at any time.
public struct GatewaySettings: Hashable, Sendable {
    public var policy: GatewayRouter.Policy
    /// By the server's name; 1 where missing. From 1.
    public var weights: [String: Int]
    /// Between two questions whether the number is connected; zero for none. Defaults to zero.
    public var healthCheck: Duration
    /// Replies of this number, by this process. Defaults to no limit.
    public var pacing: TokenBucket.Settings
    /// Each paced reply waits a random time more, up to this.
    public var jitter: Duration
    /// How long somebody seems to type for each character of a reply; zero for not at all. Defaults to zero.
    public var typingPerCharacter: Duration
    /// At most, for one reply. Defaults to 10 s.
    public var typingLimit: Duration

    public init(
        policy: GatewayRouter.Policy = .rendezvous, weights: [String: Int] = [:], healthCheck: Duration = .zero,
        pacing: TokenBucket.Settings = TokenBucket.Settings(perMinute: 0), jitter: Duration = .zero,
        typingPerCharacter: Duration = .zero, typingLimit: Duration = .seconds(10)
    ) {
        self.policy = policy
        self.weights = weights
        self.healthCheck = healthCheck
        self.pacing = pacing
        self.jitter = jitter
        self.typingPerCharacter = typingPerCharacter
        self.typingLimit = typingLimit
    }
}

/// The settings of all circuit breakers, by what they guard.
public struct BreakerSettings: Hashable, Sendable {
    public var gateway: CircuitBreaker.Settings
    public var model: CircuitBreaker.Settings

    public init(
        gateway: CircuitBreaker.Settings = CircuitBreaker.Settings(),
        model: CircuitBreaker.Settings = CircuitBreaker.Settings(callTimeout: .seconds(30))
    ) {
        self.gateway = gateway
        self.model = model
    }
}
