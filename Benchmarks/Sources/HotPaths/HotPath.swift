/// One thing that is done for every message, as often as wanted, always with the same input.
public protocol HotPath: SendableMetatype {
    /// In lower case, with hyphens.
    static var name: String { get }
    /// What one operation is, in a line.
    static var operation: String { get }

    init()

    /// Does it `count` times, and goes on from there when called again.
    ///
    /// - Parameter count: a multiple of 100.
    /// - Returns: something that depends on each of them, so that no optimiser leaves any out.
    mutating func run(_ count: Int) -> Int
}

/// All of them, in the order in which a message meets them.
public let hotPaths: [any HotPath.Type] = [
    EvolutionWebhook.self, RequestRate.self, ChannelAlone.self, ChannelKeywords.self, PartitionNumber.self, ReadAhead.self,
    TurnAlone.self,
    TurnOfBurst.self, SlotFree.self, SlotAwaited.self, LimitLearns.self, CallAllowed.self, SendAccepted.self,
    ServerOfThree.self, ServerOfSixteen.self, ServerInTurn.self, SendPace.self,
]
