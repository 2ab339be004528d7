import CardumeCore

/// The same messages from here and from the C program: 300 bytes each in the log, numbered, round-robin over the conversations.
struct ClusterWorkload: Sendable {
    static let assistant: AssistantID = "suporte"
    private static let channel: ChannelID = "loja"
    private static let firstContact = 5_534_990_000_000
    /// As in the C program.
    private static let text =
        "Bom dia! Comprei uma tainha na semana passada e ainda nao chegou. "
        + "O pedido e o 4471; podem ver para mim onde ele esta? Obrigado."

    let messages: Int
    let conversations: Int
    let partitions: Int
    /// The number of the first message, and with it the number of those before it.
    var first = 1

    /// How many messages a conversation gets; `conversation` is counted from 0.
    func count(of conversation: Int) -> Int {
        self.messages / self.conversations + (conversation < self.messages % self.conversations ? 1 : 0)
    }

    static func conversation(_ index: Int) -> Conversation.ID {
        Conversation.ID(channel: Self.channel, contact: ContactID(String(Self.firstContact + index)))
    }

    /// - Parameters:
    ///   - index: from 0.
    ///   - intended: when it should be appended (``MonotonicTime``); travels in the trace id.
    func append(_ index: Int, at now: Timestamp, intended: Int64 = 0) -> LogAppend {
        let conversation = index % self.conversations
        let contact = String(Self.firstContact + conversation)
        let number = Self.hexadecimal(UInt64(self.first + index))
        return LogAppend(
            message: InboundMessage(
                id: MessageID("3EB0" + number.uppercased()), conversation: Self.conversation(conversation), text: Self.text,
                sentAt: now.milliseconds / 1_000, receivedAt: now, contactName: "Contato " + number.suffix(6),
                replyAddress: contact + "@s.whatsapp.net", traceID: number + Self.hexadecimal(UInt64(intended))),
            route: Route(assistant: Self.assistant))
    }

    /// Calls of `size` messages of one partition each, in the order in which they fill; the last ones are smaller.
    func calls(of size: Int, at now: Timestamp) -> [[LogAppend]] {
        var calls: [[LogAppend]] = []
        var waiting = [[LogAppend]](repeating: [], count: self.partitions)
        for index in 0..<self.messages {
            let append = self.append(index, at: now)
            let partition = append.message.conversation.partitionNumber(of: self.partitions)
            waiting[partition].append(append)
            if waiting[partition].count == size {
                calls.append(waiting[partition])
                waiting[partition] = []
            }
        }
        return calls + waiting.filter { !$0.isEmpty }
    }

    /// The index of a message, from 0; `nil` when it is none of these.
    func index(of message: InboundMessage) -> Int? {
        Int(message.id.rawValue.utf8.dropFirst(4), radix: 16).map { $0 - self.first }
    }

    static func intended(_ message: InboundMessage) -> Int64 {
        Int64(message.traceID.utf8.dropFirst(16), radix: 16) ?? 0
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension FixedWidthInteger {
    /// Digits without a sign.
    fileprivate init?(_ digits: some Sequence<UInt8>, radix: Self) {
        var value: Self = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value &* radix &+ Self(digit &- 48)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value &* radix &+ Self(digit &- 55)
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value &* radix &+ Self(digit &- 87)
            default: return nil
            }
        }
        self = value
    }
}
