public import CardumeCore
import Foundation
import Yams

/// Why a manifest cannot be played.
public struct ManifestProblem: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Reads autoscalers as Kubernetes is given them: `autoscaling/v2` HorizontalPodAutoscaler, or KEDA's ScaledObject, which makes
/// one. Metrics that this model knows are External ones; others are refused rather than passed over.
public enum AutoscalerManifest {
    private typealias Node = [String: Any]

    /// - Parameters:
    ///   - yaml: one document or several.
    ///   - name: of the object, when there are several; `nil` for the only one.
    /// - Throws: ``ManifestProblem``.
    public static func read(_ yaml: String, name: String? = nil) throws -> AutoscalerSettings {
        let documents: [Node]
        do {
            documents = try Array(Yams.load_all(yaml: yaml)).compactMap { $0 as? Node }
        } catch {
            throw ManifestProblem("the manifest is not YAML: \(error)")
        }
        let found = documents.filter { document in
            ["HorizontalPodAutoscaler", "ScaledObject"].contains(document["kind"] as? String ?? "")
                && (name == nil || (document["metadata"] as? Node)?["name"] as? String == name)
        }
        guard let document = found.first else {
            throw ManifestProblem(
                "the manifest has no HorizontalPodAutoscaler and no ScaledObject" + (name.map { " named \"\($0)\"" } ?? ""))
        }
        guard found.count == 1 else { throw ManifestProblem("the manifest has several autoscalers; name one") }
        guard let spec = document["spec"] as? Node else { throw ManifestProblem("spec is missing") }
        if document["kind"] as? String == "ScaledObject" { return try Self.scaledObject(spec) }
        guard document["apiVersion"] as? String == "autoscaling/v2" else {
            throw ManifestProblem("apiVersion must be autoscaling/v2")
        }
        return try Self.autoscaler(spec)
    }

    private static func autoscaler(_ spec: Node) throws -> AutoscalerSettings {
        guard let maxReplicas = spec["maxReplicas"] as? Int else { throw ManifestProblem("spec.maxReplicas is missing") }
        let metrics = try (spec["metrics"] as? [Node] ?? []).map { metric -> AutoscalerSettings.Metric in
            guard metric["type"] as? String == "External", let external = metric["external"] as? Node,
                let name = (external["metric"] as? Node)?["name"] as? String, let target = external["target"] as? Node
            else { throw ManifestProblem("spec.metrics: only External metrics can be played") }
            switch target["type"] as? String {
            case "AverageValue":
                return AutoscalerSettings.Metric(
                    name: name, target: .averageValue(try Self.quantity(target["averageValue"], "averageValue")))
            case "Value":
                return AutoscalerSettings.Metric(name: name, target: .value(try Self.quantity(target["value"], "value")))
            default:
                throw ManifestProblem("spec.metrics: the target of \(name) must be of type AverageValue or Value")
            }
        }
        return try Self.checked(
            AutoscalerSettings(
                minReplicas: spec["minReplicas"] as? Int ?? 1, maxReplicas: maxReplicas, metrics: metrics,
                behavior: try (spec["behavior"] as? Node).map(Self.behavior)))
    }

    /// The autoscaler that KEDA makes; `fallback` and scaling to zero are KEDA's own and not played.
    private static func scaledObject(_ spec: Node) throws -> AutoscalerSettings {
        let metrics = try (spec["triggers"] as? [Node] ?? []).enumerated().map { index, trigger -> AutoscalerSettings.Metric in
            let metadata = trigger["metadata"] as? Node ?? [:]
            let threshold = metadata["targetValue"] ?? metadata["threshold"]
            let target = try Self.quantity(threshold, "spec.triggers[\(index)].metadata: targetValue or threshold")
            let isAverage = trigger["metricType"] as? String ?? "AverageValue" == "AverageValue"
            return AutoscalerSettings.Metric(name: "s\(index)", target: isAverage ? .averageValue(target) : .value(target))
        }
        let autoscaler = (spec["advanced"] as? Node)?["horizontalPodAutoscalerConfig"] as? Node
        return try Self.checked(
            AutoscalerSettings(
                minReplicas: max(spec["minReplicaCount"] as? Int ?? 0, 1), maxReplicas: spec["maxReplicaCount"] as? Int ?? 100,
                metrics: metrics, behavior: try (autoscaler?["behavior"] as? Node).map(Self.behavior)))
    }

    private static func checked(_ settings: AutoscalerSettings) throws -> AutoscalerSettings {
        guard !settings.metrics.isEmpty else { throw ManifestProblem("the autoscaler has no metric") }
        guard (0...settings.maxReplicas).contains(settings.minReplicas) else {
            throw ManifestProblem("minReplicas \(settings.minReplicas) is more than maxReplicas \(settings.maxReplicas)")
        }
        return settings
    }

    // MARK: Behavior

    private static func behavior(_ node: Node) throws -> AutoscalerSettings.Behavior {
        AutoscalerSettings.Behavior(
            up: try Self.rules(node["scaleUp"], "scaleUp", else: AutoscalerSettings.Behavior.standardUp),
            down: try Self.rules(node["scaleDown"], "scaleDown", else: AutoscalerSettings.Behavior.standardDown))
    }

    /// What is not said is as the API server fills it in.
    private static func rules(
        _ value: Any?, _ place: String, else standard: AutoscalerSettings.Rules
    ) throws -> AutoscalerSettings.Rules {
        guard let node = value as? Node else { return standard }
        var rules = standard
        if let seconds = node["stabilizationWindowSeconds"] as? Int {
            guard (0...3600).contains(seconds) else {
                throw ManifestProblem("behavior.\(place).stabilizationWindowSeconds must be 0 to 3600")
            }
            rules.window = .seconds(seconds)
        }
        if let select = node["selectPolicy"] as? String {
            guard let known = AutoscalerSettings.Selection(rawValue: select) else {
                throw ManifestProblem("behavior.\(place).selectPolicy must be Max, Min or Disabled, not \(select)")
            }
            rules.select = known
        }
        if let tolerance = node["tolerance"] { rules.tolerance = Double(try Self.quantity(tolerance, "tolerance")) / 1_000 }
        guard let policies = node["policies"] as? [Node], !policies.isEmpty else { return rules }
        rules.policies = try policies.map { policy in
            guard let kind = (policy["type"] as? String).flatMap(AutoscalerSettings.Policy.Kind.init),
                let value = policy["value"] as? Int, value > 0, let seconds = policy["periodSeconds"] as? Int,
                (1...1800).contains(seconds)
            else {
                throw ManifestProblem(
                    "behavior.\(place).policies: each needs type Pods or Percent, value over 0, periodSeconds 1 to 1800")
            }
            return AutoscalerSettings.Policy(kind, value, per: .seconds(seconds))
        }
        return rules
    }

    /// Kubernetes' notation (`51200m`, `51.2`, `2k`) in thousandths, rounded up.
    static func quantity(_ value: Any?, _ place: String) throws -> Int64 {
        let text = value.map { "\($0)" } ?? ""
        let units: [(suffix: String, factor: Double)] = [("m", 1), ("k", 1e6), ("M", 1e9), ("G", 1e12), ("", 1_000)]
        for unit in units where text.hasSuffix(unit.suffix) {
            guard let number = Double(text.dropLast(unit.suffix.count)), number > 0, number * unit.factor < 9e18 else { break }
            // What is written with three decimals is not to grow by a thousandth for want of bits.
            return Int64((number * unit.factor - 1e-6).rounded(.up))
        }
        throw ManifestProblem("\(place) must be a quantity over 0, not \"\(text)\"")
    }
}
