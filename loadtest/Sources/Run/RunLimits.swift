import CardumeLoad

/// How much load may be asked for at all, so that a slip of the hand does no harm.
struct RunLimits: Sendable, Codable, Equatable {
    /// Messages per second.
    var rate: Double
    /// Hours, of all steps together.
    var hours: Double
    /// Conversations open at once.
    var conversations: Int

    /// What counts for a target that is not this machine, unless it is raised.
    static let usual = RunLimits(rate: 300, hours: 25, conversations: 50_000)
    /// What it can be raised to.
    static let most = RunLimits(rate: 5_000, hours: 336, conversations: 1_000_000)

    /// - Throws: a ``LoadFailure`` when it asks for more than ``most``.
    func checked() throws -> RunLimits {
        guard self.rate <= Self.most.rate, self.hours <= Self.most.hours, self.conversations <= Self.most.conversations else {
            throw LoadFailure(
                "limits can be raised to \(Numbers.short(Self.most.rate)) messages/s, \(Numbers.short(Self.most.hours)) hours and "
                    + "\(Self.most.conversations) conversations, and no further")
        }
        return self
    }

    /// - Throws: a ``LoadFailure`` when it is more than these limits allow.
    func check(_ steps: [LoadStep], conversations: Int) throws {
        let rate = steps.map(\.rate).max() ?? 0
        let hours = steps.map(\.seconds).reduce(0, +) / 3_600
        func refuse(_ what: String, _ limit: String, _ option: String) -> LoadFailure {
            LoadFailure("\(what) is more than the limit of \(limit); whoever means it says \(option)")
        }
        if rate > self.rate {
            throw refuse("\(Numbers.short(rate)) messages/s", Numbers.short(self.rate), "--maximum-rate")
        }
        if hours > self.hours { throw refuse("\(Numbers.short(hours)) hours", Numbers.short(self.hours), "--maximum-hours") }
        if conversations > self.conversations {
            throw refuse("\(conversations) conversations", "\(self.conversations)", "--maximum-conversations")
        }
    }
}
