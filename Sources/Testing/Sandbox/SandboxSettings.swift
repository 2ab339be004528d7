/// How the sandbox's servers behave.
public struct SandboxSettings: Sendable {
    /// What happens to a request to send a message.
    public enum SendFault: String, Sendable, CaseIterable {
        /// Not sent; 400 `exists: false`.
        case refused
        /// Not sent; 404 as for an unknown instance.
        case unavailable
        /// Sent, yet answered with 400, as when the server's database fails after the send.
        case errorAfterSend = "error-after-send"
        /// Sent, and never answered: the connection hangs for ``SandboxSettings/hang``.
        case hangAfterSend = "hang-after-send"
        /// Not sent, and never answered: the connection hangs for ``SandboxSettings/hang``.
        case hangBeforeSend = "hang-before-send"
        /// Not sent, and answered with 502.
        case errorBeforeSend = "error-before-send"
    }

    /// A model call takes a random time in this range.
    public var modelLatency: ClosedRange<Duration> = .milliseconds(20)...(.milliseconds(200))
    /// How long model calls take instead, when it is set.
    public var modelTimes: LogNormal?
    /// Model calls that run at full speed together, from 1: with more, all of them slow down in proportion. `nil` for any
    /// number.
    public var modelCapacity: Int?
    /// Model calls in flight beyond which the next is turned away with 429 and `Retry-After: 1`; `nil` for none.
    public var modelRefusesBeyond: Int?
    /// Share of messages whose first model call fails with 503; 0 to 1.
    public var modelFailures: Double = 0
    /// Every model call fails with 503 while its message contains this; empty for none.
    public var modelPoison = ""
    /// What the model server allows in a minute; `nil`: everything.
    public var modelLimits: ModelRateLimiter.Limits?
    /// Whether its answers say nothing of limits, nor when to come back.
    public var hidesModelLimits = false
    /// How it counts that. Fixed when the sandbox is made.
    public var modelWindow = ModelRateLimiter.Window.sliding
    public var sendLatency: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(5))
    /// Share of sends that meet `sendFault`; 0 to 1.
    public var sendFaults: Double = 0
    public var sendFault = SendFault.errorAfterSend
    /// How long a hanging answer hangs.
    public var hang: Duration = .seconds(120)
    /// What the Evolution server says of every instance: `open`, `connecting` or `close`. Sends do not depend on it.
    public var connectionState = "open"
    /// How long a sent message is missing in `findMessages`.
    public var recordDelay: Duration = .zero
    /// How many of the latest sends are remembered, for `findMessages` and ``SandboxState/sends``; `nil`: all.
    public var remembers: Int?
    /// Required of callers; empty for none.
    public var key = ""
    /// Fixes what is random.
    public var seed: UInt64?

    public init() {}
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and the same on every machine.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        self.state = seed
    }

    public mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
