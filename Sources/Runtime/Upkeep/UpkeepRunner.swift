import CardumeCore
package import Logging
import Synchronization

/// Looks after the data from time to time. Runs in every process that has conversations; of those, one works at a time, by a
/// lease in the journal's database. Another one takes over when it goes away, a minute later at most.
///
/// A process without the archive's folder leaves the work to those that have it.
package final class UpkeepRunner: Sendable {
    /// Between two looks whether a pass is due.
    package static let look = Duration.seconds(60)

    private struct Knowledge {
        var state: UpkeepStore.State?
        var strayLines: Int?
        /// What was the matter at the latest look, so that it is logged once.
        var trouble: String?
    }

    private let site: UpkeepSite
    private let store: UpkeepStore
    private let name: String
    private let program: String
    private let settings: Live<UpkeepSettings>
    private let logger: Logger
    private let meters: UpkeepMeters?
    private let uptime: @Sendable () -> Duration
    private let knowledge = Mutex(Knowledge())

    /// - Parameters:
    ///   - name: unique for each start of a process.
    ///   - program: and its version, for manifests.
    ///   - meters: `nil` for nothing.
    ///   - uptime: monotonic.
    package init(
        _ site: UpkeepSite, _ settings: UpkeepSettings, name: String, program: String, logger: Logger, meters: UpkeepMeters?,
        uptime: @escaping @Sendable () -> Duration
    ) {
        self.site = site
        self.store = UpkeepStore(site.database)
        self.settings = Live(settings)
        self.name = name
        self.program = program
        self.logger = logger
        self.meters = meters
        self.uptime = uptime
    }

    package func update(_ settings: UpkeepSettings) { self.settings.set(settings) }

    /// Until the task is cancelled. Called once.
    package func run(sleep: @escaping @Sendable (Duration) async throws -> Void) async {
        repeat { await self.step(sleep: sleep) } while (try? await sleep(Self.look)) != nil
        // Shielded from the cancellation that ended the loop: others need not wait then.
        await Task { try? await self.store.leave(self.name) }.value
    }

    /// Looks once, and works if there is something to do and nobody else is at it.
    ///
    /// - Returns: what was done; `nil` for nothing.
    @discardableResult
    package func step(sleep: @escaping @Sendable (Duration) async throws -> Void) async -> UpkeepReport? {
        do {
            try await self.learn()
            guard let state = try await self.claim() else { return nil }
            let report = try await self.work(state, sleep)
            try await self.learn()
            self.knowledge.withLock { $0.trouble = nil }
            return report
        } catch is CancellationError {
            return nil
        } catch let error as StoreError where error.code == .fenced {
            self.logger.notice("another process goes on with the upkeep")
        } catch {
            self.meters?.failed()
            self.complain("\(error)")
        }
        return nil
    }

    private func learn() async throws {
        let state = try await self.store.state()
        let stray = try await self.site.partitions?.strayLines()
        self.knowledge.withLock { ($0.state, $0.strayLines) = (state, stray) }
    }

    private func claim() async throws -> UpkeepStore.State? {
        let settings = self.settings.value
        guard settings.isEnabled, let state = self.knowledge.withLock({ $0.state }), state.dueAt <= state.now else {
            return nil
        }
        if let archive = settings.archive, !ArchiveFolder(archive.folder).isUsable {
            self.complain("archive.folder \(archive.folder) is no folder that can be written to; upkeep is left to others")
            return nil
        }
        return try await self.store.claim(for: self.name)
    }

    private func work(
        _ state: UpkeepStore.State, _ sleep: @escaping @Sendable (Duration) async throws -> Void
    ) async throws -> UpkeepReport {
        let settings = self.settings.value
        var pass = UpkeepPass(
            self.site, settings, state, name: self.name, program: self.program, uptime: self.uptime, sleep: sleep)
        let report: UpkeepReport
        do {
            report = try await pass.run()
        } catch {
            // What was done is done, whoever goes on.
            self.meters?.record(pass.report)
            throw error
        }
        self.meters?.record(report)
        self.log(report)
        try await pass.finish(report)
        return report
    }

    private func log(_ report: UpkeepReport) {
        for (step, problem) in report.failures.sorted(by: { $0.key < $1.key }) {
            self.logger.error("a step of the upkeep failed", metadata: ["step": "\(step)", "error": "\(problem)"])
        }
        for note in report.notes { self.logger.warning("\(note)") }
        func text(_ counts: [UpkeepKind: Int]) -> String {
            counts.filter { $0.value > 0 }.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: ", ")
        }
        let didNothing =
            report.deleted.isEmpty && report.archived.isEmpty && report.partitionsCreated.isEmpty
            && report.partitionsDropped.isEmpty
        self.logger.log(
            level: didNothing ? .debug : .notice, "upkeep done",
            metadata: [
                "seconds": "\((report.seconds * 1_000).rounded() / 1_000)", "complete": "\(report.isComplete)",
                "deleted": "\(text(report.deleted))", "archived": "\(text(report.archived))",
                "files": "\(report.files.joined(separator: ", "))",
                "partitions_created": "\(report.partitionsCreated.joined(separator: ", "))",
                "partitions_dropped": "\(report.partitionsDropped.joined(separator: ", "))",
                "unsettled": "\(report.unsettled)", "awoken": "\(report.awoken)",
            ])
    }

    private func complain(_ trouble: String) {
        let isNew = self.knowledge.withLock { knowledge in
            defer { knowledge.trouble = trouble }
            return knowledge.trouble != trouble
        }
        if isNew { self.logger.error("upkeep waits", metadata: ["problem": "\(trouble)"]) }
    }
}

extension UpkeepRunner: MetricSource {
    /// As of the latest look, a minute ago at most.
    package func samples() async -> [MetricSample] {
        let (state, stray) = self.knowledge.withLock { ($0.state, $0.strayLines) }
        var samples: [MetricSample] = []
        if let state, self.settings.value.isEnabled {
            samples.append(
                MetricSample(
                    "cardume_upkeep_last_success_timestamp_seconds", Double(state.succeededAt.milliseconds) / 1_000))
        }
        if let stray { samples.append(MetricSample("cardume_postgres_stray_lines", Double(stray))) }
        return samples
    }
}
