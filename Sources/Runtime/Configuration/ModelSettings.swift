public import CardumeCore
import Foundation

/// A model with what its calls may use and cost.
public struct BudgetedModelSettings: Sendable {
    public var model: CardumeConfiguration.Model
    /// Together with those of all other sections that name the same model of the same server: the lowest count.
    public var limits: BudgetLimits
    public var price: ModelPrice?

    /// Names the budget: server and model.
    public var budget: String {
        let base = self.model.baseURL
        let address = base.range(of: "://").map { String(base[$0.upperBound...]) } ?? base
        return "\(address.hasSuffix("/") ? String(address.dropLast()) : address) \(self.model.name)"
    }
}

/// How an assistant uses models.
public struct ModelUseSettings: Sendable {
    /// The models of its tiers; empty when it has but one.
    public var tiers: [ModelTier: BudgetedModelSettings]
    /// The only one; `nil` with tiers, and when the offline model answers.
    public var model: BudgetedModelSettings?
    public var rule: ModelTierRule
    /// Of the assistant alone.
    public var limits: BudgetLimits
    /// In millionths; `nil` for none.
    public var dailyCostLimit: Int64?
    public var day: LocalDay
    public var onCostLimit: CostLimitPolicy
    public var costLimitMessage: String
}

extension CardumeConfiguration {
    /// How each assistant uses models.
    public var modelUses: [AssistantID: ModelUseSettings] {
        let root = ConfigurationSection(values: self.values, path: [])
        var uses: [AssistantID: ModelUseSettings] = [:]
        for settings in self.assistants {
            uses[settings.assistant.id] = ModelUseSettings(settings, root)
        }
        // The same model of the same server has one budget, whoever calls it.
        let all = uses.values.flatMap { $0.tiers.values + [$0.model].compactMap(\.self) }
        let limits = Dictionary(all.map { ($0.budget, $0.limits) }) { $0.lowered(to: $1) }
        return uses.mapValues { use in
            var use = use
            use.tiers = use.tiers.mapValues { $0.limited(to: limits) }
            use.model = use.model.map { $0.limited(to: limits) }
            return use
        }
    }
}

extension BudgetedModelSettings {
    /// One of `models`; `nil` when it has no key and the server is not said to need none. The key of `model` is not shown to
    /// another server.
    fileprivate init?(named name: String, _ root: ConfigurationSection) {
        let (own, common) = (root.section("models").section(name), root.section("model"))
        let isElsewhere = own.optional("base_url").map { $0 != common.optional("base_url") } ?? false
        if isElsewhere, own.optional("key") == nil, !own.flag("keyless") { return nil }
        self.init(own, else: common)
    }

    /// `nil` when there is no key and the server is not said to need none.
    fileprivate init?(_ own: ConfigurationSection, else common: ConfigurationSection) {
        guard let model = CardumeConfiguration.Model(own, else: common) else { return nil }
        self.model = model
        // Limits and prices belong to a model of a server: another one does not inherit them.
        let isSame = CardumeConfiguration.Model(common, else: common).map {
            ($0.baseURL, $0.name) == (model.baseURL, model.name)
        }
        func value(_ keys: String...) -> String? {
            func find(_ section: ConfigurationSection) -> String? {
                keys.dropLast().reduce(section) { $0.section($1) }.optional(keys.last ?? "")
            }
            return find(own) ?? (isSame == true ? find(common) : nil)
        }
        self.limits = BudgetLimits(
            requests: value("requests_per_minute").flatMap { Int($0) }, tokens: value("tokens_per_minute").flatMap { Int($0) })
        let (input, output) = (value("price", "input_per_million"), value("price", "output_per_million"))
        self.price =
            input == nil && output == nil ? nil : ModelPrice(input: Self.micros(input) ?? 0, output: Self.micros(output) ?? 0)
    }

    /// Millionths of what is written as a decimal number.
    fileprivate static func micros(_ text: String?) -> Int64? {
        text.flatMap { Double($0) }.map { Int64(($0 * 1_000_000).rounded()) }
    }

    fileprivate func limited(to limits: [String: BudgetLimits]) -> BudgetedModelSettings {
        var settings = self
        settings.limits = limits[self.budget] ?? self.limits
        return settings
    }
}

extension ModelUseSettings {
    fileprivate init(_ settings: CardumeConfiguration.AssistantSettings, _ root: ConfigurationSection) {
        let section = root.section("assistants").section(settings.assistant.id.rawValue)
        let common = root.section("model")
        let tiers = section.section("tiers")
        let named = ModelTier.allCases.compactMap { tier in tiers.optional(tier.rawValue).map { (tier, $0) } }
        self.tiers = Dictionary(
            uniqueKeysWithValues: named.compactMap { tier, name in
                BudgetedModelSettings(named: name, root).map { (tier, $0) }
            })
        self.model = named.isEmpty ? BudgetedModelSettings(section.section("model"), else: common) : nil
        let standard = ModelTierRule()
        self.rule = ModelTierRule(
            lengthStep: tiers.optional("length_step").flatMap { Int($0) } ?? standard.lengthStep,
            contextStep: tiers.optional("context_step").flatMap { Int($0) } ?? standard.contextStep,
            mediumFrom: tiers.optional("medium_from").flatMap { Int($0) } ?? standard.mediumFrom,
            largeFrom: tiers.optional("large_from").flatMap { Int($0) } ?? standard.largeFrom)
        self.limits = BudgetLimits(
            requests: section.optional("requests_per_minute").flatMap { Int($0) },
            tokens: section.optional("tokens_per_minute").flatMap { Int($0) })
        self.dailyCostLimit = BudgetedModelSettings.micros(section.optional("daily_cost_limit"))
        self.day = LocalDay(section.text("time_zone")) ?? LocalDay.standard
        self.onCostLimit =
            section.optional("on_cost_limit").flatMap { CostLimitPolicy(rawValue: $0) } ?? (named.isEmpty ? .message : .smaller)
        self.costLimitMessage = section.text("cost_limit_message")
    }

    /// What no single key can tell.
    ///
    /// - Parameter isZone: whether the system knows a time zone.
    static func problems(
        _ values: ConfigurationValues, isZone: (String) -> Bool = { LocalDay($0) != nil }
    ) -> [ConfigurationProblem] {
        let root = ConfigurationSection(values: values, path: [])
        let models = values.names(under: ["models"])
        var problems: [ConfigurationProblem] = []
        for assistant in values.names(under: ["assistants"]) {
            let section = root.section("assistants").section(assistant)
            func refuse(_ keys: [String], _ message: String) {
                let path = section.path + keys
                problems.append(
                    ConfigurationProblem(place: values.place(path), key: path.joined(separator: "."), message: message))
            }
            for tier in ModelTier.allCases {
                guard let name = section.section("tiers").optional(tier.rawValue) else { continue }
                if !models.contains(name) {
                    let nearest = NearestName.of(name, among: models.sorted())
                    refuse(
                        ["tiers", tier.rawValue],
                        "there is no model \"\(name)\" under `models`" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
                } else if values.use.contains(.models), BudgetedModelSettings(named: name, root) == nil {
                    refuse(["tiers", tier.rawValue], "the model \"\(name)\" has neither `key` nor `keyless: true`")
                }
            }
            // Where the system knows no zones at all, days that nobody has asked for are those of UTC.
            let zone = values.effective[section.path + ["time_zone"]]
            if let zone, zone.source != .default, !isZone(zone.text) {
                refuse(["time_zone"], "there is no time zone \"\(zone.text)\"")
            }
            let hasTiers = ModelTier.allCases.contains { section.section("tiers").optional($0.rawValue) != nil }
            let (own, common) = (section.section("model"), root.section("model"))
            // It would have been taken for an assistant that has no model, and answered offline.
            if values.use.contains(.models), !hasTiers, own.optional("base_url") != nil, common.optional("key") != nil,
                CardumeConfiguration.Model(own, else: common) == nil
            {
                refuse(
                    ["model", "base_url"],
                    "another server than that of `model`, whose key it is not shown: give it a `key` or `keyless: true`")
            }
            if section.optional("on_cost_limit") == CostLimitPolicy.smaller.rawValue, !hasTiers {
                refuse(["on_cost_limit"], "needs `tiers` to choose a smaller model from")
            }
        }
        return problems
    }
}
