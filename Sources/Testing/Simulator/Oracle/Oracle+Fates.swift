import CardumeCore

extension Oracle {
    /// Called when nothing is unsettled any more: each accepted message has come to one end.
    func judge() {
        for (conversation, messages) in self.order.sorted(by: { $0.key < $1.key }) {
            for message in Set(messages).sorted() where !self.lost.contains(message) {
                self.judge(message, conversation)
            }
        }
        for message in self.acknowledged where !self.lost.contains(message) {
            if !self.order.values.contains(where: { $0.contains(message) }) {
                self.broken(.loss, "\(message) was accepted, and the log never had it")
            }
        }
    }

    private func judge(_ message: MessageID, _ conversation: Conversation.ID) {
        let letter = self.store.deadLetter(of: message, in: conversation)
        guard let turn = self.store.turn(over: message, of: conversation) else {
            if self.answered[message] != nil { self.broken(.fate, "\(message) is answered by no turn in the journal") }
            if letter == nil { self.broken(.loss, "nobody knows what became of \(message)") }
            return
        }
        if let letter, !letter.failure.category.isOfSends, !self.disturbed.contains(message) {
            self.broken(.fate, "\(message) was answered by the turn \(turn.turn), and is a dead letter: \(letter.failure)")
        }
        guard self.answered[message] == nil, !turn.intents.isEmpty else { return }
        let intents = turn.intents.compactMap { self.store.intent($0.id) }
        if intents.allSatisfy({ $0.state == .dropped }) { return }
        // Of the turn's first message, or of this one when the log has lost the first.
        let letters = [self.store.deadLetter(of: turn.turn, in: conversation), letter]
        if letters.contains(where: { $0?.failure.category.isOfSends ?? false }) { return }
        self.broken(
            .loss,
            "no reply of the turn \(turn.turn) over \(message) has arrived: \(intents.map { "\($0.id) \($0.state.rawValue)" })")
    }
}

extension TurnFailure.Category {
    /// Whether the turn succeeded and only its reply is lost.
    fileprivate var isOfSends: Bool { self == .refused || self == .sendInDoubt }
}
