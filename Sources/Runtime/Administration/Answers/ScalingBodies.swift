import CardumeCore

/// The answer of `GET /autoscaling/v1/pools`. Its names are not those of /admin: autoscalers' manifests hold them.
package struct PoolsBody: Codable, Sendable {
    package let ageSeconds: Double
    package let pools: [String: PoolBody]
}

package struct PoolBody: Codable, Sendable {
    package struct Excluded: Codable, Sendable {
        package let slots: Double
        package let conversations: Int
        package let messages: Int
    }

    package let demandSlots: Double
    package let inFlight: Int
    package let waitingMessages: Int
    package let waitingConversations: Int
    package let oldestSeconds: Double
    /// Missing when no process has had a turn; then the demand is reckoned with the assumed one.
    package let meanTurnSeconds: Double?
    package let assumedTurnSeconds: Double?
    package let drainTargetSeconds: Double
    /// By reason.
    package let excluded: [String: Excluded]
    package let slotsPerPod: Int
    package let pods: Int
    /// Names of processes that did not say lately what they have to do.
    package let unknownPods: [String]
    package let suggestedPods: Int
    package let verdict: String

    init(_ signal: ScalingSignal) {
        self.demandSlots = Self.rounded(signal.demandSlots)
        self.inFlight = signal.inFlight
        self.waitingMessages = signal.waitingMessages
        self.waitingConversations = signal.waitingConversations
        self.oldestSeconds = Self.rounded(signal.oldestSeconds)
        self.meanTurnSeconds = signal.meanTurnSeconds.map(Self.rounded)
        self.assumedTurnSeconds = signal.meanTurnSeconds == nil ? signal.pool.assumedTurn.seconds : nil
        self.drainTargetSeconds = signal.pool.drainTarget.seconds
        let excluded = signal.excluded.map { reason, part in
            (
                reason.rawValue,
                Excluded(slots: Self.rounded(part.slots), conversations: part.conversations, messages: part.messages)
            )
        }
        self.excluded = Dictionary(uniqueKeysWithValues: excluded)
        self.slotsPerPod = signal.pool.slotsPerPod
        self.pods = signal.pods
        self.unknownPods = signal.unknown.map(\.rawValue)
        self.suggestedPods = signal.suggestedPods
        self.verdict = signal.verdict
    }

    /// To thousandths: what autoscalers reckon with.
    private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
