import CardumeCore
import CardumeRuntime
import Foundation
import Testing

/// The autoscaler and the loads as they are shipped, played by the model.
@Suite struct ShippedAutoscalerTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appending(path: path), encoding: .utf8)
    }

    private static func autoscaler() throws -> AutoscalerSettings {
        try AutoscalerManifest.read(Self.text("k8s/overlays/prometheus-adapter/hpa-worker.yaml"))
    }

    private static func trace(_ shape: LoadTrace.Shape) throws -> LoadTrace {
        try LoadTrace(csv: Self.text("k8s/traces/\(shape.rawValue).csv"))
    }

    private static func run(
        _ shape: LoadTrace.Shape, _ change: (inout AutoscalingTrial.Settings) -> Void = { _ in }
    ) throws -> AutoscalingTrial.Result {
        var settings = AutoscalingTrial.Settings(autoscaler: try Self.autoscaler())
        change(&settings)
        return AutoscalingTrial(settings, try Self.trace(shape)).run()
    }

    @Test(arguments: LoadTrace.Shape.allCases) func loadsAreAsTheCommandMakesThem(_ shape: LoadTrace.Shape) throws {
        let shipped = try Self.text("k8s/traces/\(shape.rawValue).csv")
        #expect(shipped == LoadTrace(shape).csv, "cardume autoscale trace \(shape.rawValue) > k8s/traces/\(shape.rawValue).csv")
    }

    @Test func theTargetIsFourFifthsOfAPodsSlots() throws {
        let settings = try Self.autoscaler()
        #expect(settings.metrics == [.init(name: "cardume_pool_demand_slots", target: .averageValue(64 * 800))])
        #expect((settings.minReplicas, settings.maxReplicas) == (2, 20))
    }

    /// 75 messages/s of 4 s each are 300 slots: 6 pods at four fifths of 64.
    @Test func aSteadyLoadIsServedCalmly() throws {
        let result = try Self.run(.steady)
        #expect(result.meanReplicas < 8)
        #expect(result.rescales.count <= 6, "\(result.rescales)")
        #expect(result.samples.last?.replicas == 6)
        // All of them belong to the start, out of two pods.
        #expect(result.rescales.allSatisfy { $0.second < 600 }, "\(result.rescales)")
        #expect(result.verdict[0].hasPrefix("calm") && result.verdict[1].hasPrefix("keeps up"), "\(result.verdict)")
        print("steady: \(result.meanReplicas) pods, \(result.rescales.count) rescales")
    }

    @Test func aSpikeOutOfNothingIsServedWithinAMinute() throws {
        let result = try Self.run(.spike)
        #expect(result.waits.count == 75_000)
        #expect(result.waits.percentile(0.95) < 60)
        print("spike: p95 \(result.waits.percentile(0.95)) s, worst \(result.waits.percentile(1)) s, \(result.rescales)")
    }

    @Test(arguments: [LoadTrace.Shape.noisy, .square, .businessDay]) func otherLoadsAreServedCalmly(
        _ shape: LoadTrace.Shape
    ) throws {
        let result = try Self.run(shape)
        #expect(result.verdict[0].hasPrefix("calm") && result.verdict[1].hasPrefix("keeps up"), "\(result.verdict)")
        print("\(shape.rawValue): \(result.meanReplicas) pods, \(result.rescales.count) rescales, \(result.verdict)")
    }

    @Test func aMissingMetricFreezesAndAnAbundantOneChangesNothing() throws {
        let frozen = try Self.run(.square) { $0.missing = 1_190..<2_090 }
        #expect(Set(frozen.samples[1_200..<2_090].map(\.replicas)).count == 1)
        #expect(frozen.failures == 60)
        #expect(try Self.run(.steady) { $0.reporters = 20 } == Self.run(.steady))
        // The wrong query would not have shown this.
        #expect(try Self.run(.steady) { ($0.reporters, $0.aggregation) = (20, .sum) }.peakReplicas == 20)
    }
}
