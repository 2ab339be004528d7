/// Takes turns in proportion to weights without bursts: 5, 1, 1 gives a a b a c a a.
///
/// nginx's algorithm ("Upstream: smooth weighted round-robin balancing", commit 52327e0627f4, 2012): each time, everyone gains
/// their weight; whoever has most goes, and pays the sum of all weights.
public struct SmoothRoundRobin<Name: Hashable & Sendable>: Sendable {
    private var credit: [Name: Int] = [:]

    public init() {}

    /// Whose turn it is; `nil` when there is nobody.
    ///
    /// - Parameter candidates: with weights from 1. May differ from one call to the next; equals go in this order.
    public mutating func next(among candidates: [(name: Name, weight: Int)]) -> Name? {
        var best: Name?
        var most = Int.min
        for (name, weight) in candidates {
            let credit = self.credit[name, default: 0] + weight
            self.credit[name] = credit
            if credit > most { (best, most) = (name, credit) }
        }
        guard let best else { return nil }
        self.credit[best] = most - candidates.reduce(0) { $0 + $1.weight }
        return best
    }
}
