/// Which lane a turn runs in.
///
/// - What timers do: ``Lane/survey`` after a closing, else ``Lane/housekeeping``.
/// - Images: ``Lane/image``. Voice: ``Lane/audio``. Videos and documents: ``Lane/heavy``.
/// - Anything else: the conversation's own lane. It becomes heavy when its latest ``window`` turns have used more than
///   ``toolCalls`` tools together, or one of ``heavyTools``; and light again when the latest ``calm`` turns have used at most
///   ``calmToolCalls``, and none of ``heavyTools``. Between the two it stays what it is, so that it does not go back and forth.
public struct LaneRule: Hashable, Sendable {
    /// Turns looked at before a conversation becomes heavy. Never more than ``LaneHistory/capacity``.
    public static let window = LaneHistory.capacity
    /// Turns looked at before it becomes light again.
    public static let calm = 3

    /// From 0. Defaults to 5.
    public var toolCalls: Int
    /// From 0, not above ``toolCalls``. Defaults to 1.
    public var calmToolCalls: Int
    /// Tools one call of which is enough: a customer database, for instance.
    public var heavyTools: Set<String>

    public init(toolCalls: Int = 5, calmToolCalls: Int = 1, heavyTools: Set<String> = []) {
        self.toolCalls = toolCalls
        self.calmToolCalls = min(calmToolCalls, toolCalls)
        self.heavyTools = heavyTools
    }

    /// - Parameter timers: the assistant's.
    public func lane(of message: InboundMessage, _ history: LaneHistory, timers: TimerPlan) -> Lane {
        if message.timer != nil { return timers.rule(of: message)?.trigger == .closing ? .survey : .housekeeping }
        switch message.kind {
        case .image: return .image
        case .audio: return .audio
        case .video, .document: return .heavy
        case .system: return .housekeeping
        case .text, .sticker, .location, .contact, .listReply, .buttonReply, .reaction, .unknown:
            return history.isHeavy ? .heavy : .light
        }
    }

    /// What one turn weighs, for ``LaneHistory``.
    public func effort(ofToolCalls names: [String]) -> Int {
        names.contains(where: self.heavyTools.contains) ? max(names.count, self.toolCalls + 1) : names.count
    }
}

/// What a conversation's latest turns weighed, and what that makes of it.
public struct LaneHistory: Hashable, Sendable {
    /// Turns remembered.
    public static let capacity = 5

    /// Of the latest turns, oldest first; empty when none of them used a tool.
    public private(set) var efforts: [Int] = []
    public private(set) var isHeavy = false

    public init() {}

    /// - Parameter efforts: as ``efforts`` were.
    public init(_ efforts: [Int], rule: LaneRule) {
        for effort in efforts { self.record(effort, rule: rule) }
    }

    /// A turn has ended.
    public mutating func record(_ effort: Int, rule: LaneRule) {
        // A conversation that uses no tools needs no memory.
        guard effort > 0 || !self.efforts.isEmpty else { return }
        self.efforts.append(effort)
        if self.efforts.count > Self.capacity { self.efforts.removeFirst() }
        let sum = self.efforts.reduce(0, +)
        let latest = self.efforts.suffix(LaneRule.calm).reduce(0, +)
        if sum > rule.toolCalls, latest > rule.calmToolCalls {
            self.isHeavy = true
        } else if latest <= rule.calmToolCalls {
            self.isHeavy = false
        }
        if sum == 0 { self.efforts = [] }
    }
}

extension LaneHistory {
    /// As it stands in a journal: numbers separated by commas.
    public static func text(_ efforts: [Int]) -> String { efforts.map(String.init).joined(separator: ",") }

    /// What ``text(_:)`` gave. Numbers that no turn can have reached are left out.
    public static func efforts(_ text: String) -> [Int] {
        text.split(separator: ",").compactMap { Int($0) }.filter { (0...1_000_000).contains($0) }
    }
}
