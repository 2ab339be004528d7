/// Whether reports ask the replica. It is looked at before the first read and again when a look is old; one that fails or is
/// too far behind is left alone for a while, and reads go to the primary meanwhile.
public struct ReplicaGate: Sendable {
    public enum Step: Hashable, Sendable {
        case replica
        case primary
        /// Look at it first, then tell ``looked(lag:bound:at:)`` or ``failed(_:at:)``.
        case look
    }

    public enum Standing: Hashable, Sendable {
        case unknown
        case usable
        /// With the reason, for people.
        case unusable(String)
    }

    /// How long a look counts.
    private static let freshness = Duration.seconds(2)
    /// How long one that is no use is left alone.
    private static let rest = Duration.seconds(10)

    public private(set) var standing = Standing.unknown
    /// By the latest look; `nil` when nobody knows.
    public private(set) var lag: Duration?
    private var nextLook: Duration = .zero

    public init() {}

    /// - Parameter now: monotonic.
    public func step(at now: Duration) -> Step {
        if now >= self.nextLook { return .look }
        return self.standing == .usable ? .replica : .primary
    }

    /// - Parameters:
    ///   - lag: how far it is behind; `nil` when it cannot say.
    ///   - bound: how far it may be.
    /// - Returns: whether it stands differently from before.
    public mutating func looked(lag: Duration?, bound: Duration, at now: Duration) -> Bool {
        self.lag = lag
        guard let lag else { return self.enter(.unusable("it does not say how far it is behind"), until: now + Self.rest) }
        guard lag <= bound else { return self.enter(.unusable("it is too far behind"), until: now + Self.rest) }
        return self.enter(.usable, until: now + Self.freshness)
    }

    /// A look or a read came to nothing.
    ///
    /// - Returns: whether it stands differently from before.
    public mutating func failed(_ problem: String, at now: Duration) -> Bool {
        self.lag = nil
        return self.enter(.unusable(problem), until: now + Self.rest)
    }

    private mutating func enter(_ standing: Standing, until next: Duration) -> Bool {
        defer { (self.standing, self.nextLook) = (standing, next) }
        switch (self.standing, standing) {
        case (.usable, .usable), (.unusable, .unusable): return false
        default: return true
        }
    }
}
