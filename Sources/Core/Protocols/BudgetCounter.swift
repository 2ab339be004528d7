/// The counter that all workers of one deployment share for each budget. Asked in the background, a few times per second for
/// each budget in use; no call of a model waits for it.
public protocol BudgetCounter: Sendable {
    /// Carries `request` out at once, as ``BudgetLedger`` does.
    ///
    /// - Parameter budget: its name.
    /// - Throws: when the counter does not answer; the request may have been carried out all the same.
    func lease(_ request: BudgetLeaseRequest, of budget: String) async throws -> BudgetLease
}

/// What was used on each day: for reports, and for ceilings of cost. Asked every few seconds.
public protocol UsageReader: Sendable {
    /// The totals of `day` and later days: exactly those of the turns that are journaled.
    func usage(since day: CivilDay) async throws(StoreError) -> [DailyUsage]
}

/// What an assistant used of a model on one day.
public struct DailyUsage: Hashable, Sendable {
    /// In the assistant's time zone.
    public var day: CivilDay
    public var assistant: AssistantID
    public var model: String
    /// Turns.
    public var requests: Int
    public var promptTokens: Int
    public var completionTokens: Int
    /// In millionths of the currency in which the prices are given.
    public var costMicros: Int64

    public init(
        day: CivilDay, assistant: AssistantID, model: String, requests: Int, promptTokens: Int, completionTokens: Int,
        costMicros: Int64
    ) {
        self.day = day
        self.assistant = assistant
        self.model = model
        self.requests = requests
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.costMicros = costMicros
    }
}
