package import CardumeCore

/// One look at everything that upkeep is about, step by step, each in small transactions with pauses between them. What a pass
/// does not get to, the next one does; what fails does not keep the other steps from being taken.
package struct UpkeepPass: Sendable {
    /// Why a pass ends before its time.
    enum End: Error {
        case timeIsOver
    }

    /// Before the next one, after a pass that has failed.
    private static let patience = Duration.seconds(600)
    /// Conversations looked at in one query.
    static let page = 500

    let site: UpkeepSite
    let store: UpkeepStore
    let settings: UpkeepSettings
    /// Of the process, for the lease.
    let name: String
    /// Program and version, for manifests.
    let program: String
    let now: Timestamp
    let archive: ArchiveFolder?
    let fault: @Sendable (ArchivePoint) throws -> Void
    private let uptime: @Sendable () -> Duration
    let sleep: @Sendable (Duration) async throws -> Void

    /// The archive is somewhere else; deleting here would go past it.
    private let mustKeepConversations: Bool

    package internal(set) var report = UpkeepReport()
    /// Where the walk over conversations stands.
    package internal(set) var walkedTo: String
    private var budget: UpkeepBudget
    var view: UnsettledView?

    /// - Parameters:
    ///   - state: as the lease was taken.
    ///   - isDryRun: whether to count only. Needs no lease.
    ///   - uptime: monotonic.
    ///   - fault: called at each point of no return, to fail there. Defaults to nothing.
    package init(
        _ site: UpkeepSite, _ settings: UpkeepSettings, _ state: UpkeepStore.State, name: String, program: String,
        isDryRun: Bool = false, uptime: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        fault: @escaping @Sendable (ArchivePoint) throws -> Void = { _ in }
    ) {
        self.site = site
        self.store = UpkeepStore(site.database)
        self.settings = settings
        self.name = name
        self.program = program
        self.now = state.now
        self.walkedTo = isDryRun ? "" : state.walkedTo
        self.archive = settings.archive.map { ArchiveFolder($0.folder, fault: fault) }
        self.fault = fault
        self.uptime = uptime
        self.sleep = sleep
        self.budget = UpkeepBudget(limit: settings.timeLimit, lease: UpkeepStore.patience, at: uptime())
        self.report.isDryRun = isDryRun
        self.mustKeepConversations = state.archives && settings.archive == nil && !settings.refusesArchive
    }

    /// - Returns: what was done. ``UpkeepReport/failures`` says what went wrong.
    /// - Throws: a ``StoreError`` when another process has taken the lease, and `CancellationError`.
    package mutating func run() async throws -> UpkeepReport {
        let begin = self.uptime()
        do {
            try await self.step("partitions") { try await $0.makePartitions() }
            try await self.step("log") { pass in pass.view = try await pass.site.unsettled() }
            try await self.step("dead_letters") { try await $0.expireDeadLetters() }
            if self.mustKeepConversations {
                self.report.notes.append(
                    "this deployment has an archive and this process none (archive.folder): conversations stay; "
                        + "archive.after: 0 would say that none is wanted")
            } else {
                try await self.step("archive") { try await $0.archiveConversations() }
                if self.settings.archive == nil { try await self.step("retention") { try await $0.deleteConversations() } }
                try await self.step("lines") { try await $0.dropLines() }
            }
            try await self.step("records") { try await $0.deleteRecords() }
        } catch End.timeIsOver {
            self.report.isComplete = false
        }
        self.report.seconds = (self.uptime() - begin).seconds
        return self.report
    }

    /// Gives the lease back and says when the next pass is due. Called once, after ``run()``.
    package func finish(_ report: UpkeepReport) async throws(StoreError) {
        let hasFailed = !report.failures.isEmpty
        let delay =
            hasFailed
            ? min(self.settings.interval, Self.patience) : report.isComplete ? self.settings.interval : UpkeepRunner.look
        try await self.store.finish(
            for: self.name, dueIn: delay, succeeded: !hasFailed && report.isComplete, walkedTo: hasFailed ? "" : self.walkedTo)
    }

    private mutating func step(_ name: String, _ body: (inout Self) async throws -> Void) async throws {
        do {
            try await body(&self)
        } catch let end as End {
            throw end
        } catch let error as StoreError where error.code == .fenced {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            self.report.failures[name] = "\(error)"
        }
    }

    /// Between two transactions.
    mutating func breathe() async throws {
        switch self.budget.step(at: self.uptime()) {
        case .goOn: break
        case .renew: if !self.report.isDryRun { try await self.store.renew(for: self.name) }
        case .stop: throw End.timeIsOver
        }
        try Task.checkCancellation()
        if self.settings.pause > .zero, !self.report.isDryRun { try await self.sleep(self.settings.pause) }
    }

    func time(_ age: Duration) -> Timestamp { self.now.advanced(by: .zero - age) }
}
