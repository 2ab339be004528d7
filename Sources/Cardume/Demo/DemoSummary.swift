import CardumeTesting

/// What the demo proves, from what the fake gateway received.
struct DemoSummary: Sendable {
    let posted: Int
    let conversations: Int
    let messagesEach: Int
    let sends: [SandboxSend]
    let counts: DemoObserver.Counts
    let elapsed: Duration

    /// Conversations whose replies are exactly one for each message, in order.
    private var conversationsInOrder: Int {
        (0..<self.conversations).count { conversation in
            let address = "\(DemoTraffic.contact(conversation))@s.whatsapp.net"
            let received = self.sends.filter { $0.number == address }.map(\.text)
            return received == DemoScript.lines(of: conversation, count: self.messagesEach).lines.map { "Recebi: \($0)" }
        }
    }

    var isGood: Bool {
        self.posted == self.conversations * self.messagesEach && self.conversationsInOrder == self.conversations
    }

    var text: String {
        func percentile(_ value: Double) -> UInt64 { self.counts.latency.valueAtPercentile(value) }
        return """
            messages in          \(self.posted)
            replies out          \(self.sends.count)
            order kept           \(self.conversationsInOrder) of \(self.conversations) conversations, one reply for each message
            retries              \(self.counts.retries)
            sends in doubt       \(self.counts.inDoubt), found again at the gateway \(self.counts.reconciled)
            dead letters         \(self.counts.deadLetters)
            webhook to reply     p50 \(percentile(50)) ms   p95 \(percentile(95)) ms   p99 \(percentile(99)) ms
            took                 \(Int(self.elapsed.seconds.rounded())) s
            \(self.isGood ? "Every message was answered once, in order." : "SOMETHING WENT WRONG: see above.")
            """
    }
}
