import CardumeTesting
import CardumeTrials

extension SandboxState {
    /// Conversations of the load whose replies are not exactly one for each message, in order.
    ///
    /// - Parameter ignoringRepeats: whether only the first of equal replies counts.
    func conversationsOutOfOrder(conversations: Int, messages: Int, ignoringRepeats: Bool = false) -> [String] {
        let expected = (0..<messages).map { "Recebi: mensagem \($0)" }
        let received = Dictionary(grouping: self.sends) { $0.number }
        return (0..<conversations).compactMap { conversation in
            let texts = received["\(Load.contact(conversation))@s.whatsapp.net"]?.map(\.text) ?? []
            let relevant = ignoringRepeats ? texts.reduce(into: []) { if !$0.contains($1) { $0.append($1) } } : texts
            return relevant == expected ? nil : "\(conversation): \(texts.count) replies: \(texts.prefix(60))"
        }
    }
}
