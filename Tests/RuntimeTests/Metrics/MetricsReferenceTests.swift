import CardumeRuntime
import Foundation
import Testing

/// What is declared, and what the documentation says of it.
@Suite struct MetricsReferenceTests {
    private static var document: String {
        get throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
                .deletingLastPathComponent()
            return try String(contentsOf: root.appending(path: "docs/metrics.md"), encoding: .utf8)
        }
    }

    @Test func theDocumentedTablesAreTheProgramsTables() throws {
        #expect(try Self.document.contains(MetricFamily.table), "run `cardume metrics list` and paste it into docs/metrics.md")
    }

    /// A name that other systems' names are mapped to, or that the text mentions, exists.
    @Test func theDocumentNamesNothingElse() throws {
        let histograms = MetricFamily.all.filter { $0.kind == .histogram }.map(\.name)
        let declared = Set(MetricFamily.all.map(\.name) + histograms.flatMap { ["\($0)_count", "\($0)_sum"] })
        let named = try Self.document.matches(of: #/`(cardume_[a-z_0-9]+)/#).map { String($0.1) }
        #expect(named.count > MetricFamily.all.count)
        for name in Set(named).subtracting(declared) {
            // `cardume_pool_…` are documented with autoscaling.
            let isPrefix = name.hasSuffix("_") && (name == "cardume_pool_" || declared.contains { $0.hasPrefix(name) })
            #expect(isPrefix, "docs/metrics.md names \(name), which does not exist")
        }
    }

    @Test func namesAndLabelsAreAsPrometheusWants() {
        let all = MetricFamily.all
        #expect(Set(all.map(\.name)).count == all.count)
        for family in all {
            #expect(family.name.wholeMatch(of: #/cardume(_[a-z0-9]+)+/#) != nil, "\(family.name)")
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
            #expect(!family.help.isEmpty && family.help.hasSuffix("."), "\(family.name): one sentence")
            #expect(!family.help.contains("|"), "\(family.name): would break the table")
            #expect(family.labels.allSatisfy { $0.wholeMatch(of: #/[a-z][a-z_]*/#) != nil }, "\(family.name)")
            #expect(Set(family.labels).count == family.labels.count && !family.labels.contains("le"), "\(family.name)")
            #expect((family.kind == .histogram) == !family.buckets.isEmpty, "\(family.name)")
            #expect(family.buckets == family.buckets.sorted() && Set(family.buckets).count == family.buckets.count)
        }
    }

    @Test func noLabelNamesAPersonOrAMessage() {
        let personal = ["contact", "conversation", "message", "message_id", "phone", "number", "text", "name", "trace_id"]
        for family in MetricFamily.all { #expect(Set(family.labels).isDisjoint(with: personal), "\(family.name)") }
    }
}
