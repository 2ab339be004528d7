import CardumeCore

/// The same messages for the plain loop and the engine: round-robin over the conversations.
struct Workload: Sendable {
    static let assistant: AssistantID = "suporte"
    static let batch = 100

    let messages: Int
    let conversations: Int

    func message(_ index: Int, at now: Timestamp) -> InboundMessage {
        let contact = 5_534_900_000_000 + index % self.conversations
        return InboundMessage(
            id: MessageID("3EB0\(index)"),
            conversation: Conversation.ID(channel: "loja-uberlandia", contact: ContactID(String(contact))),
            text: "Oi, qual o prazo de entrega do pedido \(index) no Santa Mônica? Obrigada!",
            sentAt: now.milliseconds / 1_000, receivedAt: now, contactName: "Marina Alves",
            replyAddress: "\(contact)@s.whatsapp.net", traceID: "0af7651916cd43dd8448eb211c80319c")
    }

    var batches: [Range<Int>] {
        stride(from: 0, to: self.messages, by: Self.batch).map { $0..<min($0 + Self.batch, self.messages) }
    }
}
