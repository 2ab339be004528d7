extension MetricFamily {
    /// What language models are asked, and what that costs.
    static let models: [MetricFamily] = [
        .init(
            "cardume_model_requests_total", .counter,
            "Calls of a model: `answered`, `cancelled` or a category of failure; `rate_limit` is a 429. The tier is empty where there is one model.",
            labels: ["assistant", "model", "tier", "outcome"]),
        .init(
            "cardume_model_request_duration_seconds", .histogram, "How long they took, however they ended.",
            labels: ["assistant", "model"], buckets: Self.slowly),
        .init(
            "cardume_model_tokens_total", .counter, "Tokens the model counted: `prompt` or `completion`.",
            labels: ["assistant", "model", "kind"]),
        .init(
            "cardume_model_cost_total", .counter, "What they cost, in the currency of the configured prices.",
            labels: ["assistant", "model"]),
        .init(
            "cardume_model_endpoint_limit", .gauge,
            "Calls that a model takes at once from this process, as adaptation has found it.",
            labels: ["endpoint"]),
        .init("cardume_model_endpoint_in_flight", .gauge, "Calls to it in flight.", labels: ["endpoint"]),
        .init(
            "cardume_budget_limit", .gauge, "What the whole deployment may use in a minute: `requests` or `tokens`.",
            labels: ["budget", "kind"]),
        .init(
            "cardume_budget_used_total", .counter, "What this process has used of it.", labels: ["budget", "kind"]),
        .init("cardume_budget_waiting", .gauge, "Calls of this process that wait for it.", labels: ["budget"]),
        .init(
            "cardume_cost_today", .gauge, "What the assistant has cost today in the whole deployment, where it has a ceiling.",
            labels: ["assistant"]),
        .init("cardume_cost_limit", .gauge, "What it may cost in a day.", labels: ["assistant"]),
    ]
}
