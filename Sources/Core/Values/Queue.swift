/// A sort of work that has slots of its own, so that what is slow does not stand in the way of what is quick.
public enum Lane: String, Sendable, CaseIterable, Comparable {
    /// Ordinary turns.
    case light
    /// Turns of conversations that have used many tools lately, videos and documents; see ``LaneRule``.
    case heavy
    /// Messages with an image.
    case image
    /// Voice messages.
    case audio
    /// What a timer says after a conversation was closed: surveys.
    case survey
    /// What other timers do: follow-up, closing.
    case housekeeping

    /// Lanes that may have a queue of their own. What timers do stays with the conversation.
    public static let separable: [Lane] = [.heavy, .image, .audio]

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// The name of a queue: an assistant's own, or the one of a lane that has been given its own (`suporte@heavy`), so that other
/// processes can serve it.
public typealias QueueID = Identifier<Queue>

/// Tag of ``QueueID``.
public enum Queue {
    /// Stands between the assistant and the lane; no assistant's name contains it.
    public static let separator: Character = "@"
}

extension QueueID {
    public init(_ assistant: AssistantID, lane: Lane = .light) {
        self.init(lane == .light ? assistant.rawValue : "\(assistant)\(Queue.separator)\(lane.rawValue)")
    }

    public var assistant: AssistantID {
        AssistantID(self.rawValue.split(separator: Queue.separator, maxSplits: 1).first.map(String.init) ?? "")
    }

    /// ``Lane/light`` for an assistant's own queue.
    public var lane: Lane {
        guard let index = self.rawValue.firstIndex(of: Queue.separator) else { return .light }
        return Lane(rawValue: String(self.rawValue[self.rawValue.index(after: index)...])) ?? .light
    }
}

extension [QueueID: Int] {
    /// The sums over each assistant's queues.
    public var byAssistant: [AssistantID: Int] {
        self.reduce(into: [:]) { $0[$1.key.assistant, default: 0] += $1.value }
    }
}
