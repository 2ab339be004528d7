/// The sizes of model an assistant may use.
public enum ModelTier: String, Sendable, CaseIterable, Comparable {
    case small
    case medium
    case large

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Chooses the size of model for a turn. Points are given for
///
/// - the length of the contact's message: one for each ``lengthStep`` characters, at most 4;
/// - tools the model may call: one each, at most 4;
/// - questions: one for each question mark after the first, at most 2;
/// - numbers (amounts, dates, orders): one for six digits or more;
/// - what was said before: one for each ``contextStep`` characters, at most 3.
///
/// From ``mediumFrom`` points on, a medium model; from ``largeFrom`` on, a large one.
public struct ModelTierRule: Hashable, Sendable {
    public var lengthStep: Int
    public var contextStep: Int
    public var mediumFrom: Int
    public var largeFrom: Int

    public init(lengthStep: Int = 280, contextStep: Int = 2_000, mediumFrom: Int = 2, largeFrom: Int = 5) {
        self.lengthStep = max(1, lengthStep)
        self.contextStep = max(1, contextStep)
        self.mediumFrom = mediumFrom
        self.largeFrom = largeFrom
    }

    public func points(of request: ModelRequest) -> Int {
        // The contact may have written several messages in a row.
        let asked = request.messages.reversed().prefix { $0.role == .contact }.map(\.text)
        let earlier = request.messages.dropLast(asked.count)
        let length = asked.reduce(0) { $0 + $1.unicodeScalars.count }
        let questions = asked.reduce(0) { $0 + $1.utf8.count { $0 == UInt8(ascii: "?") } }
        let digits = asked.reduce(0) { $0 + $1.utf8.count { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }
        let context = earlier.reduce(0) { $0 + $1.text.unicodeScalars.count }
        return min(4, length / self.lengthStep) + min(4, request.transfers.count) + min(2, max(0, questions - 1))
            + (digits >= 6 ? 1 : 0) + min(3, context / self.contextStep)
    }

    public func tier(for request: ModelRequest) -> ModelTier {
        let points = self.points(of: request)
        return points >= self.largeFrom ? .large : points >= self.mediumFrom ? .medium : .small
    }

    /// The tiers to try, in order: the chosen one, one smaller while the load is high, then ever smaller ones; `others` come
    /// after those, ascending, and only for reasons other than a budget or load.
    ///
    /// - Parameters:
    ///   - available: those that are configured; not empty.
    ///   - largest: what may be used at most; a larger one only when nothing else is configured.
    public static func order(
        _ chosen: ModelTier, available: Set<ModelTier>, largest: ModelTier = .large, isLoadHigh: Bool
    ) -> (first: [ModelTier], others: [ModelTier]) {
        let wanted = min(isLoadHigh ? (chosen == .large ? .medium : .small) : chosen, largest)
        let sorted = available.sorted()
        let first = sorted.reversed().filter { $0 <= wanted }
        let others = sorted.filter { $0 > wanted }
        // Whoever configures no model that small has to be served by the next one.
        guard first.isEmpty else { return (first, others) }
        return (Array(others.prefix(1)), Array(others.dropFirst()))
    }
}
