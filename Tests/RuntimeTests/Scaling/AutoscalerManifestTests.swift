import CardumeCore
import CardumeRuntime
import Testing

@Suite struct AutoscalerManifestTests {
    private static func manifest(_ spec: String) -> String {
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: { name: other }
        ---
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: { name: a }
        spec:
        \(spec.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
        """
    }

    private static let metric = """
        metrics:
          - { type: External, external: { metric: { name: m }, target: { type: AverageValue, averageValue: 51200m } } }
        """

    @Test func allOfItIsRead() throws {
        let settings = try AutoscalerManifest.read(
            Self.manifest(
                """
                minReplicas: 3
                maxReplicas: 30
                \(Self.metric)
                  - { type: External, external: { metric: { name: n }, target: { type: Value, value: "2k" } } }
                behavior:
                  scaleUp:
                    tolerance: 0.05
                    selectPolicy: Min
                    policies: [{ type: Pods, value: 2, periodSeconds: 30 }]
                  scaleDown: { stabilizationWindowSeconds: 60 }
                """))
        let up = AutoscalerSettings.Rules(
            window: .zero, select: .min, policies: [.init(.pods, 2, per: .seconds(30))], tolerance: 0.05)
        var down = AutoscalerSettings.Behavior.standardDown
        down.window = .seconds(60)
        #expect(
            settings
                == AutoscalerSettings(
                    minReplicas: 3, maxReplicas: 30,
                    metrics: [.init(name: "m", target: .averageValue(51_200)), .init(name: "n", target: .value(2_000_000))],
                    behavior: .init(up: up, down: down)))
    }

    @Test func whatIsNotSaidIsAsTheServerFillsItIn() throws {
        let settings = try AutoscalerManifest.read(Self.manifest("maxReplicas: 4\n\(Self.metric)"))
        #expect(settings.minReplicas == 1 && settings.behavior == nil)
    }

    @Test func scaledObjectsBecomeAutoscalers() throws {
        let settings = try AutoscalerManifest.read(
            """
            apiVersion: keda.sh/v1alpha1
            kind: ScaledObject
            metadata: { name: a }
            spec:
              minReplicaCount: 1
              maxReplicaCount: 20
              advanced:
                horizontalPodAutoscalerConfig:
                  behavior: { scaleDown: { stabilizationWindowSeconds: 120 } }
              triggers:
                - type: metrics-api
                  metricType: AverageValue
                  metadata: { targetValue: "51.2", url: "http://x", valueLocation: pools.default.demandSlots }
            """)
        #expect(settings.metrics == [.init(name: "s0", target: .averageValue(51_200))])
        #expect((settings.minReplicas, settings.maxReplicas) == (1, 20))
        #expect(settings.behavior?.down.window == .seconds(120))
    }

    @Test(arguments: [
        ("maxReplicas: 4", "no metric"), (Self.metric, "maxReplicas is missing"),
        ("minReplicas: 5\nmaxReplicas: 4\n\(Self.metric)", "more than maxReplicas"),
        ("maxReplicas: 4\nmetrics: [{ type: Resource }]", "only External"),
        ("maxReplicas: 4\n\(Self.metric.replacing("51200m", with: "viel"))", "must be a quantity"),
        ("maxReplicas: 4\n\(Self.metric.replacing("AverageValue", with: "Utilization"))", "AverageValue or Value"),
        ("maxReplicas: 4\n\(Self.metric)\nbehavior: { scaleUp: { selectPolicy: Most } }", "Max, Min or Disabled"),
        ("maxReplicas: 4\n\(Self.metric)\nbehavior: { scaleDown: { stabilizationWindowSeconds: 3601 } }", "0 to 3600"),
        (
            "maxReplicas: 4\n\(Self.metric)\nbehavior: { scaleUp: { policies: [{ type: Percnt, value: 1, periodSeconds: 1 }] } }",
            "type Pods or Percent"
        ),
    ])
    func mistakesAreNamed(_ spec: String, _ message: String) {
        let problem = #expect(throws: ManifestProblem.self) { try AutoscalerManifest.read(Self.manifest(spec)) }
        #expect(problem?.description.contains(message) == true, "\(problem?.description ?? "")")
    }

    @Test func oneOfSeveralIsChosenByName() throws {
        let two =
            Self.manifest("maxReplicas: 4\n\(Self.metric)") + "\n---\n"
            + Self.manifest("maxReplicas: 5\n\(Self.metric)").replacing("name: a }", with: "name: b }")
        #expect(throws: ManifestProblem.self) { try AutoscalerManifest.read(two) }
        #expect(try AutoscalerManifest.read(two, name: "b").maxReplicas == 5)
        #expect(throws: ManifestProblem.self) { try AutoscalerManifest.read(two, name: "c") }
        #expect(throws: ManifestProblem.self) { try AutoscalerManifest.read(": {") }
    }
}
