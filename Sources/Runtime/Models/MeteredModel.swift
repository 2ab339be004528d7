public import CardumeCore

/// What is measured of models.
public struct ModelMeters: Sendable {
    fileprivate let requests, tokens, cost: MetricVector<MetricCounter>
    fileprivate let duration: MetricVector<MetricHistogram>

    public init(_ registry: MetricsRegistry) {
        self.requests = registry.counters("cardume_model_requests_total")
        self.tokens = registry.counters("cardume_model_tokens_total")
        self.cost = registry.counters("cardume_model_cost_total")
        self.duration = registry.histograms("cardume_model_request_duration_seconds")
    }
}

/// A model whose calls are counted and measured: each one that is really made, whatever limits came before it.
public struct MeteredModel: LanguageModel {
    private let model: any LanguageModel
    private let name: String
    private let tier: ModelTier?
    private let price: ModelPrice?
    private let meters: ModelMeters

    /// - Parameters:
    ///   - name: as the server knows it.
    ///   - tier: `nil` where there is one model for everything.
    ///   - price: `nil`: it costs nothing.
    public init(_ model: any LanguageModel, name: String, tier: ModelTier?, price: ModelPrice?, meters: ModelMeters) {
        self.model = model
        self.name = name
        self.tier = tier
        self.price = price
        self.meters = meters
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        let (begin, assistant) = (ContinuousClock.now, request.assistant.rawValue)
        do {
            let response = try await self.model.complete(request)
            self.count("answered", assistant, since: begin)
            if let usage = response.usage { self.count(usage, assistant) }
            return response
        } catch {
            let category = (error as? TurnFailure)?.category.rawValue
            self.count(category ?? (error is CancellationError ? "cancelled" : "other"), assistant, since: begin)
            throw error
        }
    }

    private func count(_ outcome: String, _ assistant: String, since begin: ContinuousClock.Instant) {
        self.meters.requests[assistant, self.name, self.tier?.rawValue ?? "", outcome].add()
        self.meters.duration[assistant, self.name].observe(begin.duration(to: .now))
    }

    private func count(_ usage: TokenUsage, _ assistant: String) {
        self.meters.tokens[assistant, self.name, "prompt"].add(Double(usage.prompt))
        self.meters.tokens[assistant, self.name, "completion"].add(Double(usage.completion))
        let micros = self.price?.cost(prompt: usage.prompt, completion: usage.completion) ?? 0
        self.meters.cost[assistant, self.name].add(Double(micros) / 1_000_000)
    }
}
