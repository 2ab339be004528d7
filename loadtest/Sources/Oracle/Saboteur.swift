import ArgumentParser

/// A reply that has reached the gateway.
struct CaughtReply: Hashable, Sendable {
    let channel: String
    /// A number, or an address that begins with one.
    let contact: String
    let text: String
}

/// Falsifies what the sink has caught, to prove that the oracle sees it.
struct Saboteur: Sendable {
    enum Fault: String, Sendable, Codable, CaseIterable, ExpressibleByArgument {
        /// A reply vanishes.
        case drop
        /// A reply comes after the next one of its conversation.
        case swap
        /// A reply comes twice.
        case duplicate
    }

    private let fault: Fault
    /// One reply in so many.
    private let interval: Int
    private var count = 0
    /// By contact: what is held back until its successor has passed.
    private var held: [String: CaughtReply] = [:]

    init(_ fault: Fault, every interval: Int = 20) {
        precondition(interval > 0, "a fault every \(interval) replies")
        self.fault = fault
        self.interval = interval
    }

    /// What the oracle gets to see instead of `reply`.
    mutating func pass(_ reply: CaughtReply) -> [CaughtReply] {
        let contact = "\(reply.channel) \(reply.contact)"
        if let earlier = self.held.removeValue(forKey: contact) { return [reply, earlier] }
        self.count += 1
        guard self.count.isMultiple(of: self.interval) else { return [reply] }
        switch self.fault {
        case .drop: return []
        case .duplicate: return [reply, reply]
        case .swap:
            self.held[contact] = reply
            return []
        }
    }

    /// What is still held back: conversations that ended. It passes, out of order with nothing.
    mutating func rest() -> [CaughtReply] {
        defer { self.held = [:] }
        return self.held.sorted { $0.key < $1.key }.map(\.value)
    }
}
