public import CardumeCore
public import Logging

/// The configuration in force in this process: what file and environment say, and over it what operators have set. Looks at the
/// store whenever it is told to; see ``run(ticks:)``.
///
/// A store that does not answer changes nothing: the latest settings known stay, and end when their time is over.
public actor LiveConfiguration {
    /// Hands a configuration to whoever uses it. Called at the start and for each change, one after the other.
    public typealias Apply = @Sendable (CardumeConfiguration) async -> Void

    /// What there is without overrides. Its secrets are those that their files held at the latest look.
    public nonisolated var base: CardumeConfiguration { self.foundation.value }
    private nonisolated let foundation: Live<CardumeConfiguration>
    nonisolated let store: any OverrideStore
    private nonisolated let inForce: Live<CardumeConfiguration>
    private let isShared: Bool
    private let uptime: @Sendable () -> Duration
    private let logger: Logger
    private let onChange: @Sendable () -> Void

    private var apply: Apply?
    private var view = OverrideView()
    private var applied: [SettingOverride] = []
    private(set) var refused: [RefusedOverride] = []
    private var isStoreAway = false
    /// What was wrong with files of secrets at the latest look.
    private var secretProblems: Set<ConfigurationProblem> = []
    /// The look under way, or the latest: looks follow each other, so that no configuration overtakes a newer one.
    private var look: Task<Void, Never>?

    /// - Parameters:
    ///   - isShared: whether other processes change the store, too.
    ///   - uptime: monotonic time since any fixed origin.
    ///   - onChange: told of each setting that has another value. Defaults to nobody.
    public init(
        _ base: CardumeConfiguration, store: any OverrideStore, isShared: Bool, logger: Logger,
        uptime: @escaping @Sendable () -> Duration, onChange: @escaping @Sendable () -> Void = {}
    ) {
        self.onChange = onChange
        self.foundation = Live(base)
        self.inForce = Live(base)
        self.store = store
        self.isShared = isShared
        self.logger = logger
        self.uptime = uptime
    }

    /// In force now.
    public nonisolated var current: CardumeConfiguration { self.inForce.value }

    /// The store's version whose overrides are in force; `nil` before the first look.
    public var version: Int64? { self.view.version }

    /// Reads what is set and puts it in force. Called once, before anything works.
    ///
    /// - Throws: a ``StoreError`` when the store does not answer: what somebody has paused must not run because of that.
    public func start(_ apply: @escaping Apply) async throws(StoreError) {
        self.apply = apply
        self.view.read(try await self.store.snapshot(), at: self.uptime())
        await self.putInForce()
        if self.applied.isEmpty { await apply(self.base) }
    }

    /// Looks at each tick, until there are no more or the task is cancelled.
    public func run(ticks: some AsyncSequence<Void, Never> & Sendable) async {
        for await _ in ticks { await self.refresh(asksStore: self.isShared) }
    }

    /// Returns when everything is in force here that was set before the call, unless the store does not answer.
    func refresh(asksStore: Bool = true) async {
        let previous = self.look
        // Not a child: the caller's cancellation must not end a look that others wait for.
        let look = Task {
            await previous?.value
            await self.lookOnce(asksStore: asksStore)
        }
        self.look = look
        await look.value
    }

    private func lookOnce(asksStore: Bool) async {
        // First: the store may not answer for the want of a new password.
        if self.rotateSecrets() { await self.putInForce(isRotated: true) }
        let hasExpired = self.view.hasExpired(at: self.uptime())
        // What is over is over, however long the store takes to answer.
        if hasExpired { await self.putInForce() }
        do throws(StoreError) {
            if hasExpired {
                _ = try await self.store.expire()
                self.view.read(try await self.store.snapshot(), at: self.uptime())
            } else if asksStore, try await self.store.version() != self.view.version {
                self.view.read(try await self.store.snapshot(), at: self.uptime())
            }
            if self.isStoreAway { self.logger.notice("live settings can be read again") }
            self.isStoreAway = false
        } catch {
            if !self.isStoreAway {
                self.logger.warning("live settings cannot be read; those known stay", metadata: ["error": "\(error)"])
            }
            self.isStoreAway = true
        }
        await self.putInForce()
    }

    /// Looks into the files of secrets. One that makes no sense changes nothing.
    ///
    /// - Returns: whether there are new ones.
    private func rotateSecrets() -> Bool {
        let found = self.base.values.rereadingSecrets()
        var (changed, problems) = (found.changed, found.problems)
        do {
            if let values = found.values { self.foundation.set(try CardumeConfiguration(values)) }
        } catch {
            changed = []
            problems.append(ConfigurationProblem(place: "", key: "", message: "\(error)"))
        }
        for problem in Set(problems).subtracting(self.secretProblems) {
            self.logger.warning("secret cannot be used; the one before stays", metadata: ["problem": "\(problem)"])
        }
        self.secretProblems = Set(problems)
        for path in changed { self.logger.notice("secret changed", metadata: ["path": "\(path.joined(separator: "."))"]) }
        return !changed.isEmpty
    }

    private func putInForce(isRotated: Bool = false) async {
        let overrides = self.view.inForce(at: self.uptime())
        guard overrides != self.applied || isRotated else { return }
        let (configuration, refused) = self.base.overridden(by: overrides)
        for refusal in refused where !self.refused.contains(refusal) {
            self.logger.warning(
                "live setting is not in force",
                metadata: ["path": "\(refusal.override.path)", "problem": "\(refusal.problem)"])
        }
        self.report(from: self.current, to: configuration)
        (self.applied, self.refused) = (overrides, refused)
        self.inForce.set(configuration)
        await self.apply?(configuration)
    }

    private func report(from old: CardumeConfiguration, to new: CardumeConfiguration) {
        for value in new.values.all where !value.key.isSecret {
            let before = old.values.text(value.path)
            guard value.text != before else { continue }
            self.report(value.path, before, value.text, value.override?.author.name)
        }
        for value in old.values.all where !value.key.isSecret && new.values.text(value.path) == nil {
            self.report(value.path, value.text, nil, nil)
        }
    }

    private func report(_ path: [String], _ old: String?, _ new: String?, _ author: String?) {
        func shown(_ text: String?) -> String {
            String((text ?? "").split(whereSeparator: \.isNewline).joined(separator: " ").prefix(200))
        }
        var metadata: Logger.Metadata = [
            "path": "\(path.joined(separator: "."))", "old": "\(shown(old))", "new": "\(shown(new))",
        ]
        // Nobody by name when an override has ended: the journal knows.
        if let author { metadata["by"] = "\(author)" }
        self.logger.notice("setting changed", metadata: metadata)
        self.onChange()
    }
}
