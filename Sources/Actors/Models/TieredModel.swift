public import CardumeCore

/// An assistant's models of several sizes: each turn goes to the size that ``ModelTierRule`` chooses, or to a smaller one when
/// that is out of budget, its breaker is open or the load is high. A larger one than chosen is only tried when a breaker is what
/// stopped the others.
public struct TieredModel: LanguageModel {
    private let models: [ModelTier: any LanguageModel]
    private let rule: ModelTierRule
    private let isLoadHigh: @Sendable () -> Bool

    /// - Parameters:
    ///   - models: at least one.
    ///   - isLoadHigh: asked for each turn.
    public init(
        _ models: [ModelTier: any LanguageModel], rule: ModelTierRule, isLoadHigh: @escaping @Sendable () -> Bool
    ) {
        precondition(!models.isEmpty, "tiers without a model")
        self.models = models
        self.rule = rule
        self.isLoadHigh = isLoadHigh
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        let (first, others) = ModelTierRule.order(
            self.rule.tier(for: request), available: Set(self.models.keys), largest: request.largestTier,
            isLoadHigh: self.isLoadHigh())
        var earliest: TurnPostponement?
        var isForBudget = false
        for (index, tier) in first.enumerated() {
            do {
                return try await self.complete(request, tier, keepsPlace: index == first.count - 1)
            } catch let postponement as TurnPostponement {
                if case .budget = postponement.cause { isForBudget = true }
                if postponement.delay < earliest?.delay ?? .seconds(Int64.max / 2) { earliest = postponement }
            }
        }
        for tier in others where !isForBudget && request.largestTier == .large {
            do {
                return try await self.complete(request, tier, keepsPlace: false)
            } catch is TurnPostponement {
                continue
            }
        }
        guard let earliest else { preconditionFailure("no tier was tried") }
        throw earliest
    }

    private func complete(_ request: ModelRequest, _ tier: ModelTier, keepsPlace: Bool) async throws -> ModelResponse {
        guard let model = self.models[tier] else { preconditionFailure("there is no \(tier) model") }
        var request = request
        request.keepsPlace = request.keepsPlace && keepsPlace
        return try await model.complete(request)
    }
}
