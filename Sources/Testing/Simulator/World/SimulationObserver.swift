import CardumeActors
import CardumeCore

/// Notices what a process has come to.
final class SimulationObserver: RuntimeObserver {
    let world: World
    let party: Party

    init(world: World, party: Party) {
        self.world = world
        self.party = party
    }

    func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        guard !self.party.isGone else { return }
        if let milestone = Self.milestone(of: event) { self.world.oracle.reached(milestone) }
        switch event {
        case .ownershipChanged(_, _, let lost, _, _) where lost > 0: self.world.oracle.reached(.trustLost)
        case .partitionAbandoned(let partition, let error):
            if error.message == StoreError.untrusted.message { self.world.oracle.reached(.sendHeldBack) }
            self.world.note(self.party, "abandons \(partition): \(error)")
        case .turnSucceeded(let turn, _): self.world.note(self.party, "turn \(turn.id) succeeded")
        case .turnFailed(let failure, _): self.world.note(self.party, "a turn failed: \(failure)")
        case .conversationWaits(let cause, let delay):
            self.world.note(self.party, "waits \(delay.simulated) for \(cause.kind.rawValue)")
        default: break
        }
    }

    private static func milestone(of event: RuntimeEvent) -> Milestone? {
        switch event {
        case .messagesMerged: .merged
        case .turnSuperseded: .superseded
        case .lateReply: .late
        case .turnWillRetry: .retried
        case .sendInDoubt: .sendInDoubt
        case .sendReconciled(let intent):
            switch intent.state {
            case .accepted: .doubtFound
            case .sending: .doubtResent
            case .parked: .doubtParked
            case .pending, .refused, .unknown, .dropped: nil
            }
        case .sendRefused: .sendRefused
        case .sendFailedOver: .failedOver
        case .breakerChanged(_, let change): change.to == .open ? .breakerOpened : nil
        case .storeUnavailable: .storeUnavailable
        case .crashSuspected: .crashSuspected
        case .conversationHeld: .conversationHeld
        case .conversationTransferred: .transferredByTurn
        case .conversationClosed: .conversationClosed
        case .turnSucceeded, .turnFailed, .conversationWaits, .finished, .deadLettered, .replyAccepted, .sendWillRetry,
            .gatewayChanged, .ownershipChanged, .readerRestarted, .partitionAbandoned:
            nil
        }
    }
}
