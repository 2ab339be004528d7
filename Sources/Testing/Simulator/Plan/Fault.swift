import CardumeCore

/// What may go wrong in a simulation.
public enum FaultKind: String, CaseIterable, Sendable {
    /// A process is killed, and started again later.
    case crash
    /// A process stands still; then it goes on with what it believed.
    case pause
    /// A process is told to stop, and started again later.
    case restart
    /// A process, or everybody, cannot reach the log or the journal.
    case cut
    /// Some requests or replies of a store are lost on the way.
    case flaky
    /// A store takes long.
    case slow
    /// The log's server is replaced by one that lags behind.
    case failover
    /// A process's wall clock is set.
    case clock
    /// The model fails, hangs, refuses, or answers late.
    case model
    /// The gateway fails, refuses, or leaves in doubt what it sent.
    case gateway
    /// A process hangs between its last look at its lease and the request to the gateway.
    case stray
    /// An operator gives a conversation to another assistant.
    case transfer
    /// An operator has a conversation held.
    case hold
    /// An operator pauses a channel.
    case channelPause = "channel-pause"
    /// A webhook comes more than once.
    case duplicate
    /// A message kills whoever runs it.
    case poison
}

/// One thing that goes wrong.
struct Fault: Sendable {
    enum Store: String, Sendable {
        case log, journal
    }

    enum ModelTrouble: String, Sendable, CaseIterable {
        case rateLimit = "429", outage, hang, late, invalid
    }

    enum GatewayTrouble: String, Sendable, CaseIterable {
        case sentUnknown = "sent-unknown"
        case unsentUnknown = "unsent-unknown"
        case late, refused, unavailable, silent
    }

    enum Effect: Sendable {
        case crash(pod: Int)
        case pause(pod: Int)
        /// As soon as it has journaled that it is about to send.
        case pauseAtSend(pod: Int)
        case restart(pod: Int)
        /// `nil`: everybody.
        case cut(pod: Int?, Store)
        case flaky(Store, share: Double)
        case slow(Store, by: Duration)
        case failover(lag: Duration)
        case clock(pod: Int, by: Duration)
        case model(ModelTrouble, share: Double)
        /// `nil`: all servers.
        case gateway(server: Int?, GatewayTrouble, share: Double)
        case stray(share: Double)
        case transfer(conversation: Int, to: AssistantID)
        case hold(conversation: Int)
        case channelPause
    }

    var effect: Effect
    var at: Duration
    /// How long it lasts, or how long a process is away.
    var lasting: Duration
}

extension Fault: CustomStringConvertible {
    var description: String {
        let what =
            switch self.effect {
            case .crash(let pod): "pod \(pod) is killed"
            case .pause(let pod): "pod \(pod) stands still"
            case .pauseAtSend(let pod): "pod \(pod) stands still when it is about to send"
            case .restart(let pod): "pod \(pod) is told to stop"
            case .cut(let pod?, let store): "pod \(pod) does not reach the \(store)"
            case .cut(nil, let store): "nobody reaches the \(store)"
            case .flaky(let store, let share): "\(Int(share * 100)) % of calls of the \(store) are lost"
            case .slow(let store, let delay): "the \(store) takes up to \(delay) longer"
            case .failover(let lag): "the log's server is replaced by one that lags by \(lag)"
            case .clock(let pod, let step): "pod \(pod)'s wall clock is set by \(step)"
            case .model(let trouble, let share): "model: \(trouble.rawValue) in \(Int(share * 100)) % of calls"
            case .gateway(let server, let trouble, let share):
                "gateway\(server.map { " server \($0)" } ?? ""): \(trouble.rawValue) in \(Int(share * 100)) % of requests"
            case .stray(let share): "\(Int(share * 100)) % of requests to the gateway are written late"
            case .transfer(let conversation, let assistant): "an operator gives conversation \(conversation) to \(assistant)"
            case .hold(let conversation): "an operator holds conversation \(conversation)"
            case .channelPause: "an operator pauses the channel"
            }
        return "\(self.at.simulated) \(what)\(self.lasting > .zero ? ", for \(self.lasting)" : "")"
    }
}

extension Duration {
    /// As histories show times.
    var simulated: String {
        let microseconds = self.microseconds
        let fraction = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
        return "\(microseconds / 1_000_000).\(fraction.prefix(4))"
    }
}
