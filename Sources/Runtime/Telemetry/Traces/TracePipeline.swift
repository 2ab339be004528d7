public import CardumeCore
import Crypto
import Foundation
public import Logging
import Tracing

/// What became of the spans of this process.
public struct TraceStatistics: Hashable, Sendable {
    public var exported: Int
    /// Because too many waited, because the collector did not want them, or because it was away too long.
    public var dropped: Int
    public var waiting: Int
}

/// Spans on their way from where they are made to a collector.
public final class TracePipeline: Sendable {
    public let traces: Traces
    private let settings: Live<TraceSettings>
    private let sampling: Live<TraceSampling>
    private let exporter: TraceExporter

    /// Followed by ``shutDown()``, whether or not it is run.
    ///
    /// - Parameters:
    ///   - version: the program's.
    ///   - role: what this process does.
    public init(_ settings: TraceSettings, version: String, role: String, logger: Logger) {
        let live = Live(settings)
        let sampling = Live(TraceSampling(ratio: settings.sampleRatio))
        let own = [
            "service.name": settings.serviceName, "service.version": version,
            "service.instance.id": UUID().uuidString.lowercased(), "host.name": ProcessInfo.processInfo.hostName,
            "process.pid": "\(ProcessInfo.processInfo.processIdentifier)", "cardume.role": role,
            "telemetry.sdk.name": "cardume", "telemetry.sdk.language": "swift", "telemetry.sdk.version": version,
        ]
        let exporter = TraceExporter(
            live, resource: own.merging(settings.resource) { _, given in given }, version: version, logger: logger)
        self.settings = live
        self.sampling = sampling
        self.exporter = exporter
        self.traces = Traces(
            tracer: SpanTracer(sampling: sampling) { exporter.add($0) },
            pseudonym: Self.pseudonym(settings.pseudonymKey))
    }

    /// 16 hex digits. Keyed, because a plain hash of a phone number is found out by hashing all phone numbers.
    static func pseudonym(_ key: String?) -> @Sendable (String) -> String? {
        guard let key else { return { _ in nil } }
        let symmetric = SymmetricKey(data: Data(key.utf8))
        return { text in
            let code = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: symmetric)
            return TraceSyntax.hexadecimal(code.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
        }
    }

    public var statistics: TraceStatistics { self.exporter.statistics }

    /// From now on these count: ratio, sizes and times.
    public func update(_ settings: TraceSettings) {
        self.settings.set(settings)
        self.sampling.set(TraceSampling(ratio: settings.sampleRatio))
    }

    /// Returns some time after ``stop()``, when all spans have gone or the time for that is over. Called once.
    public func run() async { await self.exporter.run() }

    /// Called when nothing makes spans any more.
    public func stop() { self.exporter.stop() }

    /// Called once, last.
    public func shutDown() async { try? await self.exporter.shutDown() }
}

extension MetricFamily {
    /// Declared here, published by ``TracePipeline``.
    static let traces = [
        MetricFamily("cardume_trace_spans_exported_total", .counter, "Spans that the collector has taken."),
        MetricFamily(
            "cardume_trace_spans_dropped_total", .counter,
            "Spans that were given up: the queue was full, or the collector refused them or was away too long."),
        MetricFamily("cardume_trace_spans_waiting", .gauge, "Spans that wait for the collector."),
    ]
}

extension TracePipeline: MetricSource {
    public func samples() async -> [MetricSample] {
        let statistics = self.statistics
        return [
            MetricSample("cardume_trace_spans_exported_total", [:], Double(statistics.exported)),
            MetricSample("cardume_trace_spans_dropped_total", [:], Double(statistics.dropped)),
            MetricSample("cardume_trace_spans_waiting", [:], Double(statistics.waiting)),
        ]
    }
}
