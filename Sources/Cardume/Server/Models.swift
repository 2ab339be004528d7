import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import ServiceLifecycle
import Synchronization

/// The model of each assistant, with the budgets that its calls share.
final class Models: Sendable {
    private struct State {
        var models: [AssistantID: any LanguageModel] = [:]
        /// By name. One that is no longer used keeps its state for the day it is used again.
        var gates: [String: ModelBudgetGate] = [:]
        var meters: [String: TokenMeter] = [:]
        /// Those that several assistants call.
        var endpoints: [String: ModelEndpoint] = [:]
    }

    private let client: SharedHTTPClient
    private let breakers: Breakers
    private let counter: any BudgetCounter
    private let clock: any RuntimeClock
    private let meters: ModelMeters?
    let totals: CostTotals
    private let isLoadHigh: @Sendable () -> Bool
    /// This process, as the counter knows it.
    private let worker = String(UUID().uuidString.lowercased().prefix(8))
    private let state = Mutex(State())
    /// New gates, which ``run()`` runs.
    private let born = AsyncStream<ModelBudgetGate>.makeStream()

    /// - Parameters:
    ///   - meters: what calls are counted in; `nil`, the default, for nothing.
    ///   - isLoadHigh: while it says so, turns go to smaller models.
    init(
        _ configuration: CardumeConfiguration, client: SharedHTTPClient, breakers: Breakers, counter: any BudgetCounter,
        usage: any UsageReader, clock: any RuntimeClock, meters: ModelMeters? = nil,
        isLoadHigh: @escaping @Sendable () -> Bool = { false }
    ) {
        self.meters = meters
        self.client = client
        self.breakers = breakers
        self.counter = counter
        self.clock = clock
        self.totals = CostTotals(usage, clock: clock)
        self.isLoadHigh = isLoadHigh
        self.update(configuration)
    }

    var budgets: [ModelBudgetGate] { self.state.withLock { Array($0.gates.values) } }
    /// By name.
    var endpoints: [String: ModelEndpoint] { self.state.withLock { $0.endpoints } }

    /// Every assistant that has a queue has a model.
    subscript(assistant: AssistantID) -> any LanguageModel {
        self.state.withLock { $0.models[assistant] } ?? OfflineModel(rules: [], fallback: nil)
    }

    /// Puts limits, prices, tiers and ceilings in force. Calls that have begun end as they are.
    func update(_ configuration: CardumeConfiguration) {
        let uses = configuration.modelUses
        self.totals.update(
            uses.mapValues { use in CostTotals.Rule(limit: use.dailyCostLimit, calendar: { use.day.day(at: $0) }) })
        self.state.withLock { state in
            self.updateEndpoints(configuration, uses, &state)
            for settings in configuration.assistants {
                let id = settings.assistant.id
                guard let use = uses[id], use.model != nil || !use.tiers.isEmpty else {
                    state.models[id] = Self.wrap(OfflineModel(rules: settings.offline, fallback: settings.offlineDefault))
                    continue
                }
                let own = self.gate("assistant \(id)", use.limits, &state)
                let model: any LanguageModel =
                    if let only = use.model {
                        self.budgeted(only, own, settings.assistant, tier: nil, &state)
                    } else {
                        TieredModel(
                            Dictionary(
                                uniqueKeysWithValues: use.tiers.map {
                                    ($0, self.budgeted($1, own, settings.assistant, tier: $0, &state))
                                }), rule: use.rule, isLoadHigh: self.isLoadHigh)
                    }
                state.models[id] = Self.wrap(
                    CostLimitedModel(model, totals: self.totals, policy: use.onCostLimit, message: use.costLimitMessage))
            }
        }
    }

    /// Where one assistant is alone, the limits of its lanes are the endpoint's. Those whose limits are configured have no others.
    private func updateEndpoints(
        _ configuration: CardumeConfiguration, _ uses: [AssistantID: ModelUseSettings], _ state: inout State
    ) {
        var callers: [String: [Assistant]] = [:]
        for assistant in configuration.assistants.map(\.assistant) where assistant.bulkhead.adaptiveFloor != nil {
            guard let use = uses[assistant.id] else { continue }
            let models = use.tiers.values.map(\.model) + [use.model?.model].compactMap { $0 }
            for name in Set(models.map(Self.endpoint)) { callers[name, default: []].append(assistant) }
        }
        for (name, assistants) in callers where assistants.count > 1 {
            let policy = AdaptiveLimit.Policy(
                floor: assistants.compactMap(\.bulkhead.adaptiveFloor).reduce(0, +),
                ceiling: assistants.map(\.slots).reduce(0, +))
            if let endpoint = state.endpoints[name] {
                endpoint.update(policy)
            } else {
                state.endpoints[name] = ModelEndpoint(policy, clock: self.clock)
            }
        }
        state.endpoints = state.endpoints.filter { callers[$0.key]?.count ?? 0 > 1 }
    }

    /// Keeps budgets and totals up to date until shutdown.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.totals.run() }
            for await gate in self.born.stream { group.addTask { await gate.run() } }
            group.cancelAll()
        }
    }

    private func budgeted(
        _ settings: BudgetedModelSettings, _ own: ModelBudgetGate, _ assistant: Assistant, tier: ModelTier?,
        _ state: inout State
    ) -> any LanguageModel {
        let gate = self.gate(settings.budget, settings.limits, &state)
        let meter = state.meters[settings.budget] ?? TokenMeter()
        state.meters[settings.budget] = meter
        // The assistant's own trouble comes first: who waits for it takes nothing of what all share.
        let name = Self.endpoint(of: settings.model)
        var model: any LanguageModel = OpenAIModel(
            settings: settings.model, client: self.client, uptime: { [clock] in clock.uptime }, onLimits: { gate.learned($0) })
        if let meters = self.meters {
            model = MeteredModel(model, name: settings.model.name, tier: tier, price: settings.price, meters: meters)
        }
        model = GuardedModel(model, breaker: self.breakers.breaker(.model, name))
        if assistant.bulkhead.adaptiveFloor != nil, let endpoint = state.endpoints[name] {
            model = LimitedModel(model, by: endpoint, for: assistant, clock: self.clock)
        }
        return BudgetedModel(
            model,
            terms: BudgetedModel.Terms(price: settings.price, maximumTokens: settings.model.maximumTokens), gates: [own, gate],
            meter: meter)
    }

    private func gate(_ name: String, _ limits: BudgetLimits, _ state: inout State) -> ModelBudgetGate {
        if let gate = state.gates[name] {
            gate.update(limits)
            return gate
        }
        let gate = ModelBudgetGate(name: name, limits: limits, worker: self.worker, counter: self.counter, clock: self.clock)
        state.gates[name] = gate
        self.born.continuation.yield(gate)
        return gate
    }

    /// `<model>@<host>:<port>`: no secrets, as an address may hold some. Assistants with the same model there share its breaker.
    private static func endpoint(of model: CardumeConfiguration.Model) -> String {
        let address = URLComponents(string: model.baseURL)
        return "\(model.name)@\(address?.host ?? "")" + (address?.port.map { ":\($0)" } ?? "")
    }

    private static func wrap(_ model: any LanguageModel) -> any LanguageModel {
        #if DEBUG
        CrashingModel.wrap(model)
        #else
        model
        #endif
    }
}

/// Runs ``Models`` for as long as turns may call them.
struct ModelsService: Service {
    let models: Models

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.models.run() }
    }
}
