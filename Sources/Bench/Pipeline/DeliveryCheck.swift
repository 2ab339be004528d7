import CardumeTesting

/// What the gateway was asked to send, held against what was delivered to the doors.
struct DeliveryCheck: Sendable {
    /// Milliseconds since 1970, by message: when its first reply reached the gateway, rounded up.
    let arrivals: [Int: Int64]
    /// Replies beyond the first to the same message.
    let duplicates: Int
    /// Messages without a reply.
    let lost: Int
    /// Replies that came after one to a later message of the same conversation.
    let outOfOrder: Int

    /// - Parameter messages: as many, numbered from 0, round-robin over `conversations`.
    init(_ sends: [SandboxSend], messages: Int, conversations: Int) throws {
        var arrivals: [Int: Int64] = [:]
        var latest: [Int: Int] = [:]
        var (duplicates, outOfOrder) = (0, 0)
        for send in sends {
            guard let index = Self.index(send.text), index < messages else {
                throw BenchFailure("the gateway was asked to send what nobody wrote: \(send.text)")
            }
            guard arrivals[index] == nil else {
                duplicates += 1
                continue
            }
            // Cut off to the millisecond there.
            arrivals[index] = send.at + 1
            if let before = latest[index % conversations], before > index { outOfOrder += 1 }
            latest[index % conversations] = max(index, latest[index % conversations] ?? 0)
        }
        self.arrivals = arrivals
        self.duplicates = duplicates
        self.outOfOrder = outOfOrder
        self.lost = messages - arrivals.count
    }

    var figures: [Figure] {
        [
            Figure("lost", "lost", self.lost), Figure("duplicates", "sent twice", self.duplicates),
            Figure("out_of_order", "out of order", self.outOfOrder),
        ]
    }

    private static func index(_ text: String) -> Int? {
        text.hasPrefix("Recebi: ") ? Int(text.dropFirst(8).prefix { $0 != " " }) : nil
    }
}
