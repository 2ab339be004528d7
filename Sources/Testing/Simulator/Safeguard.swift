import CardumeActors

/// Something that keeps a promise when things go wrong, and can be left out to see whether its absence is noticed.
package enum Safeguard: String, CaseIterable, Sendable {
    /// The journal refuses commits of a former owner.
    case fence
    /// A process sends nothing when its lease may have run out.
    case leaseTrust = "lease-trust"
    /// The log drops a webhook that it has seen before.
    case dedupe
    /// The journal knows which messages have been answered.
    case recognition
    /// A send is journaled as begun before its request.
    case sendJournal = "send-journal"
    /// One turn of a conversation at a time.
    case serialOrder = "serial-order"
    /// A message leaves the log only once its turn is journaled.
    case settleAfterCommit = "settle-after-commit"
    /// What may have killed a process is marked before it runs again.
    case crashMarks = "crash-marks"
    /// A request in doubt is repeated once at most.
    case resendBound = "resend-bound"
    /// What a conversation brings along goes before what is new.
    case transferHold = "transfer-hold"

    /// Those of the actors; the others are the stores'.
    var ofActors: Safeguards {
        switch self {
        case .leaseTrust: .leaseTrust
        case .serialOrder: .serialOrder
        case .settleAfterCommit: .settleAfterCommit
        case .resendBound: .resendBound
        case .fence, .dedupe, .recognition, .sendJournal, .crashMarks, .transferHold: []
        }
    }
}
