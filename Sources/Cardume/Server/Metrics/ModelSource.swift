import CardumeActors
import CardumeCore
import CardumeRuntime

/// Budgets, ceilings of cost, and what models take at once.
struct ModelSource: MetricSource {
    let models: Models

    func samples() async -> [MetricSample] {
        self.models.budgets.flatMap(Self.figures) + self.costs + self.endpoints
    }

    private static func figures(of budget: ModelBudgetGate) -> [MetricSample] {
        let (name, limits, used) = (budget.name, budget.limits, budget.used)
        let both = [("requests", limits.requests, used.requests), ("tokens", limits.tokens, used.tokens)]
        return [MetricSample("cardume_budget_waiting", ["budget": name], Double(budget.waiting))]
            + both.flatMap { kind, limit, used -> [MetricSample] in
                let labels = ["budget": name, "kind": kind]
                return [MetricSample("cardume_budget_used_total", labels, Double(used))]
                    + (limit.map { [MetricSample("cardume_budget_limit", labels, Double($0))] } ?? [])
            }
    }

    private var costs: [MetricSample] {
        self.models.totals.status.flatMap { assistant, cost in
            [
                MetricSample("cardume_cost_today", ["assistant": assistant.rawValue], Double(cost.spent) / 1_000_000),
                MetricSample("cardume_cost_limit", ["assistant": assistant.rawValue], Double(cost.limit) / 1_000_000),
            ]
        }
    }

    private var endpoints: [MetricSample] {
        self.models.endpoints.flatMap { name, endpoint in
            [
                MetricSample("cardume_model_endpoint_limit", ["endpoint": name], Double(endpoint.limit)),
                MetricSample("cardume_model_endpoint_in_flight", ["endpoint": name], Double(endpoint.inFlight)),
            ]
        }
    }
}
