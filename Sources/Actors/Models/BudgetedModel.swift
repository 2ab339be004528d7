public import CardumeCore
import Synchronization

/// A model whose calls reserve what they need before they begin, and settle afterwards. A call that the server refuses because
/// there were too many becomes a ``TurnPostponement``, like one for which there is no budget.
public struct BudgetedModel: LanguageModel {
    /// What the model's settings say of its calls.
    public struct Terms: Sendable {
        /// `nil`: it costs nothing.
        public var price: ModelPrice?
        /// Longest answer, in tokens; `nil` for no limit.
        public var maximumTokens: Int?

        public init(price: ModelPrice? = nil, maximumTokens: Int? = nil) {
            self.price = price
            self.maximumTokens = maximumTokens
        }
    }

    private let model: any LanguageModel
    private let terms: Terms
    private let gates: [ModelBudgetGate]
    private let meter: TokenMeter

    /// - Parameters:
    ///   - gates: entered in this order; the model's own last, which hears of refusals. At least one.
    ///   - meter: shared by all that call this model.
    public init(_ model: any LanguageModel, terms: Terms, gates: [ModelBudgetGate], meter: TokenMeter) {
        precondition(!gates.isEmpty, "a budgeted model without a budget")
        self.model = model
        self.terms = terms
        self.gates = gates
        self.meter = meter
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        let tokens = self.meter.tokens(of: request, maximum: self.terms.maximumTokens)
        let reservations = try await self.enter(request, tokens)
        var response: ModelResponse
        do {
            response = try await self.model.complete(request)
        } catch {
            self.settle(reservations, Self.end(of: error))
            guard let failure = error as? TurnFailure, failure.category == .rateLimit, let gate = self.gates.last else {
                throw error
            }
            // The model has done nothing: that is a wait, not an attempt.
            gate.refused(retryAfter: failure.retryAfter)
            throw TurnPostponement(.budget(gate.name), delay: max(failure.retryAfter ?? .zero, .seconds(1)), isRefusal: true)
        }
        let used = response.usage.map { $0.prompt + $0.completion }
        self.settle(reservations, .used(tokens: used))
        if let usage = response.usage {
            self.meter.observed(usage, for: request)
            response.usage?.costMicros = self.terms.price?.cost(prompt: usage.prompt, completion: usage.completion) ?? 0
        }
        return response
    }

    private func enter(_ request: ModelRequest, _ tokens: Int) async throws -> [ModelBudgetGate.Reservation] {
        var reservations: [ModelBudgetGate.Reservation] = []
        for gate in self.gates {
            do {
                reservations.append(
                    try await gate.enter(request.conversation.rawValue, tokens: tokens, keepsPlace: request.keepsPlace))
            } catch {
                self.settle(reservations, .unused)
                throw error
            }
        }
        return reservations
    }

    private func settle(_ reservations: [ModelBudgetGate.Reservation], _ end: ModelBudget.End) {
        for (gate, reservation) in zip(self.gates, reservations) { gate.ended(reservation, end) }
    }

    /// What a failed call has used. A timeout or a lost connection may have been answered, and billed, all the same.
    static func end(of error: any Error) -> ModelBudget.End {
        if error is TurnPostponement { return .unused }
        guard let failure = error as? TurnFailure else { return .used(tokens: nil) }
        guard failure.mayHaveBegun else { return .unused }
        switch failure.category {
        case .rateLimit, .auth, .quota, .validation: return .refused
        default: return .used(tokens: nil)
        }
    }
}

/// What is known of the length of one model's calls.
public final class TokenMeter: Sendable {
    private let estimate = Mutex(TokenEstimate())

    public init() {}

    func tokens(of request: ModelRequest, maximum: Int?) -> Int {
        self.estimate.withLock { $0.tokens(of: request, maximum: maximum) }
    }

    func observed(_ usage: TokenUsage, for request: ModelRequest) {
        self.estimate.withLock { $0.observed(usage, for: request) }
    }
}
