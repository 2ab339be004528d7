/// An interesting state. A simulation that never comes there proves nothing about it.
public enum Milestone: String, CaseIterable, Sendable {
    /// An owner died, and another took a partition of its over.
    case takeover
    /// There was something unsettled in it.
    case takeoverWithUnsettled = "takeover with unsettled messages"
    case handover = "partition handed back"
    /// Somebody stood still for longer than a lease lasts.
    case pauseBeyondLease = "pause longer than a lease"
    case fencedCommitRefused = "fenced commit refused"
    case fencedSettleRefused = "fenced settle refused"
    /// The lease had run out when a reply was to be sent.
    case sendHeldBack = "send held back for want of a lease"
    case trustLost = "leases given up in time"
    case answerLost = "answer of a store lost"
    case storeUnavailable = "store unavailable"
    case duplicateDropped = "duplicate webhook dropped"
    case repeatedTurnRecognised = "repeated turn recognised"
    case tailLost = "tail of the log lost"
    case settledCameBack = "settled messages came back"
    case sendInDoubt = "send in doubt"
    case doubtFound = "send in doubt found at the gateway"
    case doubtResent = "send in doubt sent again"
    case doubtParked = "send in doubt given up"
    case duplicateDelivered = "reply delivered twice, and counted"
    case strayDelivered = "request delivered by a stalled process"
    case sendRefused = "send refused"
    case failedOver = "send moved to another server"
    case crashSuspected = "message suspected of killing processes"
    case poisonBuried = "message that kills processes given up"
    case deadLettered = "dead letter"
    case conversationHeld = "conversation held"
    case retried = "turn retried"
    case merged = "messages merged into a turn"
    case superseded = "turn superseded"
    case late = "late reply"
    case modelTimedOut = "model timed out"
    case breakerOpened = "breaker opened"
    case transferredByTurn = "conversation given away by a turn"
    case transferredByOperator = "conversation given away by an operator"
    case movedWhileRunning = "conversation given away while a turn ran"
    case messageMoved = "message moved between assistants"
    case readAgain = "messages left in the log and read again"
    case timerFired = "timers looked at"
    case conversationClosed = "conversation closed by a timer"
    case channelPaused = "channel paused"
    case clockSet = "wall clock set"
    case gracefulStop = "process stopped in good order"
    case forcedStop = "process stopped by force"
}

/// Milestones reached.
public struct Milestones: Sendable {
    private var reached: Set<Milestone> = []

    public init() {}

    public mutating func insert(_ milestone: Milestone) { self.reached.insert(milestone) }
    public mutating func formUnion(_ other: Milestones) { self.reached.formUnion(other.reached) }
    public func contains(_ milestone: Milestone) -> Bool { self.reached.contains(milestone) }
    /// In the order of their declaration.
    public var all: [Milestone] { Milestone.allCases.filter(self.reached.contains) }
    public var missing: [Milestone] { Milestone.allCases.filter { !self.reached.contains($0) } }
}
