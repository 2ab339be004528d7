/// How many requests one caller may make.
public struct RateLimit: Hashable, Sendable {
    /// In any 60 seconds. 0: no limit at all.
    public var perMinute: Int
    /// Of them, in any one second. 0: as many as ``perMinute``.
    public var burst: Int

    public init(perMinute: Int, burst: Int = 0) {
        self.perMinute = perMinute
        self.burst = burst
    }

    public var isOff: Bool { self.perMinute == 0 }
}

/// By what callers are told apart.
public enum RateDimension: String, Hashable, Sendable, CaseIterable {
    case apiKey = "api_key"
    /// What it calls itself in `X-Client-ID`.
    case client
    case ip
    /// The contact that a message is from.
    case phone
}

/// One caller in one dimension.
public struct RateKey: Hashable, Sendable {
    public var dimension: RateDimension
    public var identity: String

    public init(_ dimension: RateDimension, _ identity: String) {
        self.dimension = dimension
        self.identity = identity
    }
}

/// What a limiter said to one request.
public struct RateDecision: Hashable, Sendable {
    public var isAllowed: Bool
    public var limit: RateLimit
    /// Requests that would pass at once after this one.
    public var remaining: Int
    /// Until ``remaining`` grows: after a refusal, until a request would pass.
    public var wait: Duration
    /// When it was counted: microseconds on the limiter's clock. For ``RateLimiter/giveBack(_:_:)``.
    public var stamp: Int64

    public init(isAllowed: Bool, limit: RateLimit, remaining: Int, wait: Duration, stamp: Int64) {
        self.isAllowed = isAllowed
        self.limit = limit
        self.remaining = remaining
        self.wait = wait
        self.stamp = stamp
    }
}
