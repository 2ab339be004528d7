extension ScalingSignal {
    /// Whether more processes would help, and why, in one sentence.
    public var verdict: String {
        let limit = self.limit.map { reason, excluded in
            "\(Self.count(excluded.conversations, "conversation")) \(excluded.conversations == 1 ? "waits" : "wait") for \(reason.name)"
        }
        let doubt =
            self.unknown.isEmpty ? "" : "; \(Self.count(self.unknown.count, "pod")) did not say lately what it has to do"
        if self.suggestedPods > self.pods {
            let who = self.pods == 0 ? "nobody serves this pool" : "\(self.demand) are asked for"
            let besides = limit.map { "; besides, \($0), which no pod can speed up" } ?? ""
            return "scale: yes, from \(self.pods) to \(self.suggestedPods); \(who), \(self.backlog)\(besides)\(doubt)"
        }
        if let (reason, _) = self.limit, let limit {
            return "scale: no; \(reason.name) is the limit: \(limit)\(doubt)"
        }
        if self.suggestedPods < self.pods {
            return "scale: no; \(self.demand) are asked for, \(self.suggestedPods) of \(self.pods) pods would do\(doubt)"
        }
        return "scale: no; \(self.demand) are asked for, \(Self.count(self.pods, "pod")) will do\(doubt)"
    }

    /// What more keeps back than there is to do.
    private var limit: (reason: Exclusion, Excluded)? {
        let most = self.excluded.max { ($0.value.slots, $1.key.rawValue) < ($1.value.slots, $0.key.rawValue) }
        let waiting = self.demandSlots - Double(self.inFlight)
        return most.flatMap { $0.value.conversations > 0 && $0.value.slots >= waiting ? ($0.key, $0.value) : nil }
    }

    private var demand: String {
        "\(Self.tenths(self.demandSlots)) of \(self.pods * self.pool.slotsPerPod) slots"
    }

    private var backlog: String {
        self.waitingMessages == 0
            ? "nothing waits yet"
            : "\(Self.count(self.waitingMessages, "message")) of \(Self.count(self.waitingConversations, "conversation")) wait"
    }

    private static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((min(value, 1e12) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension Exclusion {
    /// For people.
    var name: String {
        switch self {
        case .breaker: "an open circuit breaker"
        case .budget: "the model budget"
        case .paused: "a pause"
        case .held: "the release of a held conversation"
        case .gateway: "the gateway"
        case .delay: "time (another attempt, or the rest of a burst)"
        case .store: "the log or the journal"
        }
    }
}
