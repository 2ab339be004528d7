import AsyncHTTPClient
import CardumeCore
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import Synchronization

/// Hands spans to a collector: OTLP over HTTP, in JSON.
final class TraceExporter: Sendable {
    private static let clock = ContinuousClock()

    private let settings: Live<TraceSettings>
    private let resource: [String: String]
    private let version: String
    private let logger: Logger
    private let client = SharedHTTPClient()
    private let queue = Mutex(ExportQueue<FinishedSpan>())
    private let limit = LineLimit(every: .seconds(60))
    private let wakeups = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let stopped = AsyncStream<Void>.makeStream()
    private let origin = ContinuousClock.now

    init(_ settings: Live<TraceSettings>, resource: [String: String], version: String, logger: Logger) {
        self.settings = settings
        self.resource = resource
        self.version = version
        self.logger = logger
    }

    var statistics: TraceStatistics {
        self.queue.withLock { TraceStatistics(exported: $0.exported, dropped: $0.dropped, waiting: $0.count) }
    }

    /// Never blocks.
    func add(_ span: FinishedSpan) {
        let settings = self.settings.value
        let isFull = self.queue.withLock { $0.add(span, capacity: settings.queue, size: settings.batch) }
        if isFull { self.wakeups.continuation.yield() }
    }

    /// Exports until ``stop()``, then what is left, for as long as that may take. Called once.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.exportAll() }
            group.addTask {
                for await _ in self.stopped.stream {}
                try? await Self.clock.sleep(for: self.settings.value.shutdownTimeout)
            }
            await group.next()
            group.cancelAll()
        }
        self.queue.withLock { $0.abandon() }
        let statistics = self.statistics
        if statistics.dropped > 0 {
            self.logger.warning(
                "spans were dropped", metadata: ["dropped": "\(statistics.dropped)", "exported": "\(statistics.exported)"])
        }
    }

    /// No span is added after this.
    func stop() {
        self.queue.withLock { $0.close() }
        self.wakeups.continuation.finish()
        self.stopped.continuation.finish()
    }

    /// Called once, whether or not it ever ran.
    func shutDown() async throws { try await self.client.shutDown() }

    private func exportAll() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Self.clock.sleep(for: self.settings.value.interval)) != nil {
                    self.wakeups.continuation.yield()
                }
            }
            for await _ in self.wakeups.stream { await self.exportDue() }
            group.cancelAll()
        }
        await self.exportDue()
    }

    /// All that may be offered now, batch by batch.
    private func exportDue() async {
        while !Task.isCancelled, let batch = self.next() {
            let outcome = await self.export(batch)
            var generator = SystemRandomNumberGenerator()
            self.queue.withLock { $0.ended(outcome, at: self.uptime, using: &generator) }
        }
    }

    private func next() -> [FinishedSpan]? {
        self.queue.withLock { $0.next(size: self.settings.value.batch, at: self.uptime) }
    }

    private var uptime: Duration { self.origin.duration(to: .now) }

    private func export(_ batch: [FinishedSpan]) async -> ExportQueue<FinishedSpan>.Outcome {
        let settings = self.settings.value
        var request = HTTPClientRequest(url: settings.url)
        request.method = .POST
        for (name, value) in settings.headers { request.headers.add(name: name, value: value) }
        request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
        do {
            let body = try OTLPTraces.body(batch, resource: self.resource, version: self.version)
            request.body = .bytes(ByteBuffer(data: body))
        } catch {
            self.report("spans cannot be written as JSON: \(error)")
            return .refused
        }
        do {
            let (head, body) = try await self.client.fetch(request, within: settings.timeout, upTo: 1 << 20)
            switch head.status.code {
            case 200..<300:
                let rejected = OTLPTraces.rejected(body)
                if rejected > 0 { self.report("the collector rejected \(rejected) spans") }
                return .taken(rejected: rejected)
            case 429, 502, 503, 504:
                self.report("the collector answered \(head.status.code)")
                return .unavailable(retryAfter: OpenAIFailure.retryAfter(head.headers))
            default:
                self.report("the collector answered \(head.status.code)")
                return .refused
            }
        } catch {
            if !Task.isCancelled { self.report(HTTPAddress.describe(error)) }
            return .unavailable(retryAfter: nil)
        }
    }

    private func report(_ problem: String) {
        guard let suppressed = self.limit.admit() else { return }
        self.logger.warning(
            "spans were not exported",
            metadata: [
                "error": "\(problem)", "dropped": "\(self.statistics.dropped)", "lines_suppressed": "\(suppressed)",
            ])
    }
}
