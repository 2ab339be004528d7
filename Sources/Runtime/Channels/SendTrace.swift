import CardumeCore
import Tracing

extension OutgoingCall {
    /// A request to send `intent`.
    init(sending intent: SendIntent, _ kind: String, to address: String, _ traces: Traces?) {
        self.init(
            "send \(kind)", to: address, traceID: intent.traceID, traces,
            [
                "cardume.channel": .string(intent.id.conversation.channel.rawValue),
                "cardume.gateway": .string(intent.server ?? ""), "cardume.send.part": .int64(Int64(intent.id.part)),
                "cardume.send.attempt": .int64(Int64(intent.attempts)),
            ])
    }

    /// The reasons stay out: gateways repeat in them what they were sent.
    func ended(_ outcome: SendOutcome) {
        let name: String =
            switch outcome {
            case .accepted: "accepted"
            case .unavailable: "unavailable"
            case .refused: "refused"
            case .unknown: "unknown"
            case .postponed: "postponed"
            }
        self.note { $0["cardume.send.outcome"] = name }
        self.ended(name == "accepted" ? nil : name)
    }
}
