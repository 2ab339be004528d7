public import CardumeCore

/// A model behind a circuit breaker: while it is open, turns are put off instead of failing, and use up no attempt. Nor does
/// the turn that probes it in vain.
public struct GuardedModel: LanguageModel {
    private let model: any LanguageModel
    private let breaker: Breaker

    public init(_ model: any LanguageModel, breaker: Breaker) {
        self.model = model
        self.breaker = breaker
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        switch self.breaker.admit() {
        case .granted(let permit): return try await self.complete(request, permit)
        case .refused(let delay): throw TurnPostponement(.breaker(self.breaker.name), delay: delay)
        }
    }

    private func complete(_ request: ModelRequest, _ permit: CircuitBreaker.Permit) async throws -> ModelResponse {
        do {
            let response = try await self.model.complete(request)
            self.breaker.finished(permit, .success)
            return response
        } catch let failure as TurnFailure {
            self.breaker.finished(permit, Self.result(of: failure), because: failure.description)
            if permit.isProbe, failure.isOutage, let delay = self.breaker.wait() {
                throw TurnPostponement(.breaker(self.breaker.name), delay: delay)
            }
            throw failure
        } catch {
            // Cancelled, or put off by something else.
            self.breaker.finished(permit, .ignored)
            throw error
        }
    }

    /// A server that asks for fewer calls is well; how many it gets is for limiters and budgets to decide.
    private static func result(of failure: TurnFailure) -> CircuitBreaker.CallResult {
        if failure.isOutage { return .failure }
        return failure.category == .rateLimit || failure.category == .quota ? .ignored : .success
    }
}
