public import CardumeCore
import Crypto
import Foundation
import HTTPTypes
import Synchronization

/// Decides what is let in: by load for every source, by callers' rates.
public final class FrontDoor: Sendable {
    /// Conversations whose assistant is remembered, a few MB.
    private static let holderLimit = 20_000
    /// Longer names of conversations and callers are not kept as they are.
    private static let longestName = 128
    /// What refused senders are told to wait for.
    private static let retryAfter: Duration = .seconds(5)

    let meter: LoadMeter
    private let limiter: any RateLimiter
    private let settings: Live<FrontDoorSettings>
    private let onLimited: @Sendable (RateDimension) -> Void
    /// Who has answered a conversation: often not the one that its channel names.
    private let holders = Mutex(Generations<Conversation.ID, AssistantID>(limit: FrontDoor.holderLimit))

    /// - Parameter onLimited: told of each request that is over a caller's rate. Defaults to nobody.
    public init(
        _ settings: FrontDoorSettings, meter: LoadMeter, limiter: any RateLimiter,
        onLimited: @escaping @Sendable (RateDimension) -> Void = { _ in }
    ) {
        self.onLimited = onLimited
        self.settings = Live(settings)
        self.meter = meter
        self.limiter = limiter
    }

    /// From now on these count.
    public func update(_ settings: FrontDoorSettings) {
        self.settings.set(settings)
        self.meter.update(settings.capacities)
    }

    // MARK: Load

    /// What can be said before a request is read: refused when no assistant would take it.
    func enter(_ source: FrontDoorSettings.Source) throws(APIError) {
        if let refusal = self.refusal(self.meter.board.atBest, of: source) { throw refusal }
    }

    /// Why a message is not taken; `nil` when it is.
    func refusal(of append: LogAppend, from source: FrontDoorSettings.Source) -> APIError? {
        let conversation = append.message.conversation
        let assistant = self.holders.withLock { $0[conversation] } ?? append.route.queue.assistant
        return self.refusal(self.meter.board[assistant], of: source)
    }

    private func refusal(_ reading: LoadBoard.Reading, of source: FrontDoorSettings.Source) -> APIError? {
        let isRejected = reading.level == .critical && self.settings.value.onCritical[source] == .reject
        guard reading.isFull || isRejected else { return nil }
        var headers = reading.headers
        headers[.retryAfter] = String(Self.retryAfter.wholeSeconds)
        return APIError(
            // Gateways repeat both; callers of the API tell them apart.
            status: source == .api ? .tooManyRequests : .serviceUnavailable, code: APIError.overloaded,
            message: reading.isFull ? "the queue is full; try again later" : "too much is waiting; try again later",
            headers: headers)
    }

    /// Remembers who has a conversation.
    func note(_ assistant: AssistantID, _ conversation: Conversation.ID) {
        guard conversation.rawValue.utf8.count <= Self.longestName else { return }
        self.holders.withLock { $0[conversation] = assistant }
    }

    /// Of all assistants together.
    var headers: HTTPFields { self.meter.board.overall.headers }

    // MARK: Rates

    /// Places that were taken for one request.
    struct Pass: Sendable {
        fileprivate var taken: [(key: RateKey, decision: RateDecision)] = []

        /// Of the caller with the fewest places left.
        var headers: HTTPFields {
            self.taken.map(\.decision).min { $0.remaining < $1.remaining }.map(\.headers) ?? [:]
        }
    }

    /// Counts a request for all who make it, or for none.
    ///
    /// - Throws: 429 when one of them is over its limit.
    func take(_ callers: [RateKey]) async throws(APIError) -> Pass {
        let limits = self.settings.value.limits
        var pass = Pass()
        for caller in callers {
            guard let limit = limits[caller.dimension], let decision = await self.limiter.take(caller, limit) else { continue }
            guard decision.isAllowed else {
                await self.giveBack(pass)
                self.onLimited(caller.dimension)
                throw APIError(limited: caller.dimension, decision)
            }
            pass.taken.append((caller, decision))
        }
        return pass
    }

    /// Of any length, in little memory.
    static func name(_ name: String) -> String {
        guard name.utf8.count > Self.longestName else { return name }
        return "sha256:" + SHA256.hash(data: Data(name.utf8)).map { String($0, radix: 16) }.joined(separator: ".")
    }

    /// The request has come to nothing.
    func giveBack(_ pass: Pass) async {
        for (key, decision) in pass.taken { await self.limiter.giveBack(key, decision) }
    }

    /// Who makes a request of the API.
    ///
    /// - Parameter peer: who is connected.
    func callers(peer: String?, _ headers: HTTPFields) -> [RateKey] {
        [
            // Without the scheme, which may be written in many ways.
            headers[.authorization].map { RateKey(.apiKey, Self.name(String($0.drop { $0 != " " }))) },
            headers[.clientID].map { RateKey(.client, Self.name($0)) },
            self.address(peer: peer, headers).map { RateKey(.ip, $0) },
        ].compactMap(\.self)
    }

    /// Where a request comes from, through trusted proxies; `nil` for callers without an address.
    func address(peer: String?, _ headers: HTTPFields) -> String? {
        let settings = self.settings.value
        let address = ClientAddress(trusted: settings.trustedProxies, header: settings.forwardedHeader)
        return address.find(peer: peer, headers)?.callerName
    }
}

extension HTTPField.Name {
    static let clientID = HTTPField.Name("X-Client-ID")!
    static let systemLoad = HTTPField.Name("X-System-Load")!
    static let queueDepth = HTTPField.Name("X-Queue-Depth")!
    private static let rateLimit = HTTPField.Name("X-RateLimit-Limit")!
    private static let rateRemaining = HTTPField.Name("X-RateLimit-Remaining")!
    private static let rateReset = HTTPField.Name("X-RateLimit-Reset")!

    fileprivate static func rateHeaders(_ decision: RateDecision) -> HTTPFields {
        [
            .rateLimit: String(decision.limit.perMinute), .rateRemaining: String(decision.remaining),
            .rateReset: String(decision.wait.wholeSeconds),
        ]
    }
}

extension LoadBoard.Reading {
    var headers: HTTPFields { [.systemLoad: self.level.rawValue, .queueDepth: String(self.demand.depth)] }
}

extension RateDecision {
    var headers: HTTPFields { HTTPField.Name.rateHeaders(self) }
}

extension APIError {
    static let overloaded = "overloaded"
    static let rateLimited = "rate_limited"

    init(limited dimension: RateDimension, _ decision: RateDecision) {
        var headers = decision.headers
        headers[.retryAfter] = String(max(1, decision.wait.wholeSeconds))
        self.init(
            status: .tooManyRequests, code: Self.rateLimited,
            message: "too many requests (\(dimension.rawValue)); try again later", headers: headers)
    }

    /// Whether nothing was wrong with the request but its time.
    var isRefusal: Bool { [Self.overloaded, Self.rateLimited].contains(self.code) }
}

extension Duration {
    /// Rounded up.
    fileprivate var wholeSeconds: Int { Int(self.seconds.rounded(.up)) }
}
