import CardumeActors
import CardumeCore

/// All that a seed decides before anything happens: who there is, what is sent, what goes wrong.
struct SimulationPlan: Sendable {
    /// A message that a contact sends.
    struct Arrival: Sendable {
        /// What the model says to it.
        enum Manner: Sendable {
            case answer
            /// In several parts.
            case long
            case silence
            /// Another assistant is to answer.
            case pass(AssistantID)
            /// Answered, and another assistant goes on.
            case farewell(AssistantID)
        }

        var at: Duration
        var conversation: Int
        /// Within its conversation.
        var number: Int
        var kind: MessageKind
        var manner: Manner
        /// How long after it the same webhook comes again.
        var repeats: [Duration]
        /// Whether it kills whoever runs it.
        var isPoison: Bool

        var id: MessageID { MessageID("c\(self.conversation).\(self.number)") }
    }

    static let channel: ChannelID = "n"
    /// Fits the ids of a turn's messages, in a word.
    static let wordLength = 32

    let seed: UInt64
    var pods = 1
    var shards = 1
    var partitions = 1
    var conversations = 1
    var assistants: [Assistant] = []
    var common = Dispatcher.Settings()
    var timeToLive: Duration = .seconds(6)
    var interval: Duration = .seconds(1)
    var handover: Duration = .seconds(2)
    var modelTimeout: Duration = .seconds(10)
    var breakers = BreakerSettings()
    var servers = 1
    var gateway = GatewaySettings()
    var sendTimeout: Duration = .seconds(4)
    var recordDelay: Duration = .seconds(1)
    /// Whether the gateway can be asked what it sent.
    var hasRecord = true
    /// How far the pods' wall clocks are apart at the beginning.
    var skew: [Duration] = []
    var surveys = false
    var arrivals: [Arrival] = []
    var faults: [Fault] = []
    /// From here on nothing goes wrong any more.
    var healAt: Duration = .zero

    static func conversation(_ number: Int) -> Conversation.ID {
        Conversation.ID(channel: Self.channel, contact: ContactID("c\(number)"))
    }

    /// All queues that there are, whoever serves them.
    var queues: [QueueID] { self.assistants.flatMap(\.queues) }
}
