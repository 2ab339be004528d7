internal import CardumeCore

/// What all of them work on: the same messages each time.
enum Samples {
    static let start = Timestamp(milliseconds: 1_795_176_000_000)
    static let channel: ChannelID = "loja-uberlandia"

    static func conversation(_ number: Int) -> Conversation.ID {
        Conversation.ID(channel: self.channel, contact: ContactID(String(5_534_900_000_000 + number)))
    }

    static func message(_ number: Int, of conversation: Conversation.ID, receivedAt: Timestamp = Self.start) -> InboundMessage {
        InboundMessage(
            id: MessageID("3EB0\(1_000_000 + number)"), conversation: conversation,
            text: "Oi, qual o prazo de entrega do pedido \(number) no Santa Mônica? Obrigada!",
            sentAt: receivedAt.milliseconds / 1_000, receivedAt: receivedAt, contactName: "Marina Alves",
            replyAddress: "\(conversation.contact)@s.whatsapp.net", traceID: "0af7651916cd43dd8448eb211c80319c")
    }

    /// `count` entries of as many conversations.
    static func entries(_ count: Int) -> [LogEntry] {
        (0..<count).map { number in
            LogEntry(
                offset: LogOffset(major: UInt64(number + 1)), message: self.message(number, of: self.conversation(number)))
        }
    }

    static func intents(_ count: Int, _ state: SendIntent.State) -> [SendIntent] {
        (0..<count).map { number in
            SendIntent(
                id: SendIntent.ID(conversation: self.conversation(number), turn: MessageID("3EB0\(number)"), part: 0),
                replyAddress: "553490000\(1_000 + number)@s.whatsapp.net",
                text: "Olá, Marina! O prazo para o Santa Mônica é de dois dias úteis.",
                traceID: "0af7651916cd43dd8448eb211c80319c", state: state, attempts: state == .sending ? 1 : 0,
                attemptedAt: state == .sending ? self.start : nil)
        }
    }
}

/// SplitMix64: the same numbers in every run.
struct FixedGenerator: RandomNumberGenerator {
    private var state: UInt64 = 1

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
