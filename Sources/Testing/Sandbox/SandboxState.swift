import Synchronization

/// One message the sandbox's Evolution server has sent.
public struct SandboxSend: Hashable, Sendable, Codable {
    public let instance: String
    /// As the caller gave it.
    public let number: String
    public let text: String
    public let id: String
    /// Milliseconds since 1970.
    public let at: Int64
}

/// What the sandbox's servers remember.
public final class SandboxState: Sendable {
    private struct Memory {
        var sends: [SandboxSend] = []
        var presences: [SandboxPresence] = []
        var checks = 0
        var modelCalls = 0
        var runningModelCalls = 0
        var modelRefusals = 0
        var sendRequests = 0
        var traceparents: [(path: String, traceparent: String)] = []
        var messagesThatFailed: Set<String> = []
        var generator: any RandomNumberGenerator & Sendable
        var settings: SandboxSettings
        var limiter: ModelRateLimiter?
        var modelUse = ModelUse()
    }

    /// What limits did to model calls.
    public struct ModelUse: Hashable, Sendable, Codable {
        public var admitted = 0
        /// Of the admitted ones.
        public var tokens = 0
        public var refused = 0
    }

    private let memory: Mutex<Memory>
    private let processors: SharedProcessors

    public init(settings: SandboxSettings) {
        let generator: any RandomNumberGenerator & Sendable =
            settings.seed.map { SeededGenerator(seed: $0) } ?? SystemRandomNumberGenerator()
        let limiter = settings.modelLimits.map { ModelRateLimiter($0, window: settings.modelWindow) }
        self.memory = Mutex(Memory(generator: generator, settings: settings, limiter: limiter))
        self.processors = SharedProcessors(capacity: settings.modelCapacity)
    }

    public var settings: SandboxSettings { self.memory.withLock { $0.settings } }

    /// Changes the servers' behaviour while they run.
    public func update(_ change: @Sendable (inout SandboxSettings) -> Void) {
        let capacity = self.memory.withLock { memory in
            change(&memory.settings)
            return memory.settings.modelCapacity
        }
        self.processors.resize(capacity: capacity)
    }

    /// Every message sent so far, in order.
    public var sends: [SandboxSend] { self.memory.withLock { $0.sends } }
    /// Every presence shown so far, in order.
    public var presences: [SandboxPresence] { self.memory.withLock { $0.presences } }
    /// Questions whether an instance is connected.
    public var checks: Int { self.memory.withLock { $0.checks } }
    public var modelUse: ModelUse { self.memory.withLock { $0.modelUse } }
    /// Those that were turned away for being too many at once included.
    public var modelCalls: Int { self.memory.withLock { $0.modelCalls } }
    /// Those that have not been answered yet.
    public var runningModelCalls: Int { self.memory.withLock { $0.runningModelCalls } }
    /// Model calls that were turned away for being too many at once.
    public var modelRefusals: Int { self.memory.withLock { $0.modelRefusals } }
    /// Requests to send, whatever became of them.
    public var sendRequests: Int { self.memory.withLock { $0.sendRequests } }

    /// The `traceparent` of model calls, sends, presences and searches, in the order in which they came, with the path.
    public var traceparents: [(path: String, traceparent: String)] { self.memory.withLock { $0.traceparents } }

    func note(traceparent: String?, path: String) {
        guard let traceparent else { return }
        self.memory.withLock { $0.traceparents.append((path, traceparent)) }
    }

    /// - Parameter message: what tells one message's calls from another's.
    /// - Returns: `nil` when the call is turned away; otherwise ``endModelCall()`` follows.
    func beginModelCall(message: String, text: String) -> (latency: Duration, fails: Bool)? {
        self.memory.withLock { memory in
            memory.modelCalls += 1
            let settings = memory.settings
            guard memory.runningModelCalls < settings.modelRefusesBeyond ?? .max else {
                memory.modelRefusals += 1
                return nil
            }
            memory.runningModelCalls += 1
            let latency = Self.modelTime(settings, &memory.generator)
            if !settings.modelPoison.isEmpty, text.contains(settings.modelPoison) { return (latency, true) }
            let isUnlucky = Double.random(in: 0..<1, using: &memory.generator) < settings.modelFailures
            return (latency, isUnlucky && memory.messagesThatFailed.insert(message).inserted)
        }
    }

    /// Returns when a model that takes `latency` for a call alone is done with this one.
    func compute(_ latency: Duration) async throws {
        guard self.settings.modelCapacity != nil else { return try await Task.sleep(for: latency) }
        await self.processors.run(latency)
    }

    func endModelCall() { self.memory.withLock { $0.runningModelCalls -= 1 } }

    /// The headers of the answer to a call of so many tokens, and whether it is refused.
    func admitModelCall(tokens: Int, at milliseconds: Int64) -> (headers: [(name: String, value: String)], isRefused: Bool) {
        self.memory.withLock { memory in
            guard var limiter = memory.limiter else { return ([], false) }
            let wait = limiter.admit(tokens: tokens, at: milliseconds)
            let rest = limiter.rest(at: milliseconds)
            memory.limiter = limiter
            if wait == nil {
                memory.modelUse.admitted += 1
                memory.modelUse.tokens += tokens
            } else {
                memory.modelUse.refused += 1
            }
            guard !memory.settings.hidesModelLimits else { return ([], wait != nil) }
            var headers = [
                ("x-ratelimit-limit-requests", "\(limiter.limits.requests)"),
                ("x-ratelimit-limit-tokens", "\(limiter.limits.tokens)"),
                ("x-ratelimit-remaining-requests", "\(rest.requests)"), ("x-ratelimit-remaining-tokens", "\(rest.tokens)"),
                ("x-ratelimit-reset-requests", "\(rest.reset)ms"), ("x-ratelimit-reset-tokens", "\(rest.reset)ms"),
            ]
            if let wait { headers.append(("retry-after-ms", "\(wait)")) }
            return (headers.map { (name: $0.0, value: $0.1) }, wait != nil)
        }
    }

    func beginSend() -> (latency: Duration, fault: SandboxSettings.SendFault?) {
        self.memory.withLock { memory in
            memory.sendRequests += 1
            let settings = memory.settings
            let latency = Self.duration(in: settings.sendLatency, &memory.generator)
            let isUnlucky = Double.random(in: 0..<1, using: &memory.generator) < settings.sendFaults
            return (latency, isUnlucky ? settings.sendFault : nil)
        }
    }

    func record(instance: String, number: String, text: String, at: Int64) -> SandboxSend {
        self.memory.withLock { memory in
            let id = "3EB0" + String(UInt64.random(in: .min ... .max, using: &memory.generator), radix: 16, uppercase: true)
            let send = SandboxSend(instance: instance, number: number, text: text, id: id, at: at)
            memory.sends.append(send)
            // In blocks: each removal moves the rest.
            if let limit = memory.settings.remembers, memory.sends.count >= 2 * limit {
                memory.sends.removeFirst(memory.sends.count - limit)
            }
            return send
        }
    }

    func record(instance: String, number: String, presence: String, delay: Int64) {
        self.memory.withLock { memory in
            memory.presences.append(
                SandboxPresence(
                    instance: instance, number: number, presence: presence, delay: delay, sendsBefore: memory.sends.count))
        }
    }

    func beginCheck() -> String {
        self.memory.withLock { memory in
            memory.checks += 1
            return memory.settings.connectionState
        }
    }

    private static func modelTime(
        _ settings: SandboxSettings, _ generator: inout any RandomNumberGenerator & Sendable
    ) -> Duration {
        guard let times = settings.modelTimes else { return Self.duration(in: settings.modelLatency, &generator) }
        return .seconds(times.sample(using: &generator))
    }

    private static func duration(
        in range: ClosedRange<Duration>, _ generator: inout any RandomNumberGenerator & Sendable
    ) -> Duration {
        let span = range.upperBound - range.lowerBound
        return range.lowerBound + span * Double.random(in: 0...1, using: &generator)
    }
}
