import ArgumentParser
import AsyncHTTPClient
import CardumeLoad
import CardumeTesting
import Foundation
import ServiceLifecycle
import Synchronization
import UnixSignals

/// A run from its first process to its report.
struct LoadSession: Sendable {
    /// All that may be asked for on the command line of every mode.
    struct Options: ParsableArguments {
        @OptionGroup(title: "Target") var target: TargetOptions
        @OptionGroup(title: "Load") var load: LoadOptions
        @OptionGroup(title: "Verdict") var judge: JudgeOptions
    }

    let mode: String
    let options: Options
    let objectives: Objectives
    /// What will be asked for at most; for the limits.
    let planned: [LoadStep]
    /// Whether all of ``planned`` is performed.
    var isPlanWhole = true
    /// Lines of a local deployment's configuration about load.
    var door: [String] = []
    /// An attempt at the same run, with which this one goes on.
    var earlier: RunResults?
    /// Whether drift is looked for.
    var watchesDrift = false
    /// Whether the load must be more than the target takes.
    var isBeyondCapacity = false
    /// How often the results are kept while the run goes on; `nil` for only in the end.
    var keeping: Duration?

    /// What is told the sink's news once it is there: the sink must listen before there is anything to load.
    private final class Ears: Sendable {
        let run = Mutex<LoadRun?>(nil)
        /// Whether replies come this way.
        private let catchesReplies: Bool

        init(catchesReplies: Bool) { self.catchesReplies = catchesReplies }

        var hooks: SandboxHooks {
            SandboxHooks { text, elapsed in
                self.run.withLock { $0 }?.modelAnswered(text, after: elapsed)
            } onSend: { send in
                guard self.catchesReplies else { return }
                self.run.withLock { $0 }?.hear(CaughtReply(channel: send.instance, contact: send.number, text: send.text))
            }
        }
    }

    /// Ends with the verdict's exit status.
    ///
    /// - Parameter body: loads the target; settled when it returns.
    func run(_ body: @escaping @Sendable (LoadRun) async throws -> RunResults.Search?) async throws {
        let client = Sender.client()
        do {
            let (results, folder) = try await self.results(client, body)
            try? await client.shutdown()
            try folder.write(results)
            print("\(TextReport(results: results).text)\n\nresults: \(folder.path)")
            guard results.verdict.outcome == .passed else { throw ExitCode(results.verdict.outcome.status) }
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func results(
        _ client: HTTPClient, _ body: @escaping @Sendable (LoadRun) async throws -> RunResults.Search?
    ) async throws -> (RunResults, ResultsFolder) {
        let (target, load, judge) = (self.options.target, self.options.load, self.options.judge)
        let rate = self.planned.map(\.rate).max() ?? 0
        let profile = load.profile(isLocal: target.local, rate: max(rate, 1))
        let remote = target.remote(ProcessInfo.processInfo.environment)
        var limits = try load.limits(isLoopback: remote?.isLoopback ?? true)
        try limits.check(self.planned, conversations: load.conversations ?? Int(profile.meanGap * rate))
        if let remote, let consented = try await Consent.ask(remote, client) {
            limits.rate = min(limits.rate, consented)
            try limits.check(self.planned, conversations: 0)
        }
        let folder = try ResultsFolder(judge.folder(self.mode))
        let ears = Ears(catchesReplies: target.door == .webhooks)
        let sink = try await Sink(
            host: target.local ? "127.0.0.1" : target.sinkHost, port: target.local ? 0 : target.sinkPort,
            model: target.modelLatency.times, hooks: ears.hooks)
        let lines = ChannelLines(prefix: target.instancePrefix, assistants: Array(profile.assistants.keys))
        var deployment: LocalDeployment?
        if target.local {
            var options = LocalDeployment.Options()
            (options.workers, options.slots, options.processSlots) = (target.workers, target.slots, target.processSlots)
            options.door = self.door
            deployment = try await LocalDeployment(options, lines, sink: sink.port)
        }
        guard let loaded = deployment?.target ?? remote else { throw LoadFailure("there is no target") }
        let segment = self.earlier.map { $0.segments + 1 } ?? 0
        let seed =
            self.earlier.map { $0.environment.seed &+ UInt64(segment) } ?? load.seed ?? UInt64.random(in: 0...UInt64(Int32.max))
        var generator = SystemRandomNumberGenerator()
        let numbers = FakeNumbers(offset: Int.random(in: 0..<FakeNumbers.count, using: &generator))
        let token = String(
            (0..<MessageToken.runLength).map { _ in "abcdefghijklmnopqrstuvwxyz0123456789".randomElement() ?? "a" })
        let record = RunRecord(
            DeliveryOracle(run: token, matchesTokens: target.matching == .token), numbers: numbers,
            saboteur: load.sabotage.map { Saboteur($0, every: load.sabotageEvery) },
            timeline: self.earlier?.timeline ?? Timeline(), segment: segment,
            origin: MonotonicTime.now - Int64((self.earlier?.loadedSeconds ?? 0) * 1e9))
        let run = LoadRun(
            record,
            LoadSchedule(
                profile, arrivals: load.arrivals, maximumOpen: limits.conversations, usesAPI: target.door == .api, seed: seed),
            sender: Sender(loaded, MessageComposer(lines: lines, numbers: numbers, run: token), client),
            scraper: Scraper(loaded.metrics, client), patience: judge.patience.duration,
            limits: limits)
        ears.run.withLock { $0 = run }
        let environment = RunEnvironment(
            target: remote.map(\.url) ?? "on this machine: a gateway, \(target.workers) workers, Redis, PostgreSQL",
            commandLine: CommandLine.arguments, seed: self.earlier?.environment.seed ?? seed,
            settings: self.settings(profile, limits))
        let draft = Draft(
            session: self, environment: environment, startedAt: self.earlier?.startedAt ?? Date().formatted(.iso8601), run: run)
        let before = try await deployment?.footprint()
        let begin = run.elapsed
        let search = try await self.accompanied(run, draft, folder) { try await body(run) }
        var results = draft.results(search: search)
        if let deployment, let before {
            results.cost = RunCost(
                from: before, to: try await deployment.footprint(), seconds: run.elapsed - begin,
                messages: run.snapshot.steps.reduce(0) { $0 + $1.replied }, conversations: run.conversations)
        }
        await deployment?.end()
        await sink.end()
        return (results, folder)
    }

    /// Runs `body` while somebody looks, shows, keeps, and listens to signals.
    private func accompanied<Value: Sendable>(
        _ run: LoadRun, _ draft: Draft, _ folder: ResultsFolder, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let isLocal = self.options.target.local
        let view = LiveView(
            mode: self.mode, planned: self.isPlanWhole ? self.planned.map(\.seconds).reduce(0, +) : nil,
            objectives: self.objectives, latenessBound: self.options.judge.lateness.seconds)
        // Before anything is shown that somebody may want to end.
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm])
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                await run.watch(every: .seconds(isLocal ? 1 : 5)); return nil
            }
            group.addTask {
                await view.show(run); return nil
            }
            group.addTask {
                await Self.listen(signals, run); return nil
            }
            if let keeping = self.keeping {
                group.addTask {
                    while (try? await ContinuousClock().sleep(for: keeping)) != nil {
                        try folder.keep(draft.results(search: nil))
                    }
                    return nil
                }
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw LoadFailure("the run ended without a result")
        }
    }

    /// The first signal ends the load in good order, the second the process.
    private static func listen(_ signals: UnixSignalsSequence, _ run: LoadRun) async {
        for await signal in signals {
            if run.hasStopped { Foundation.exit(130) }
            FileHandle.standardError.write(Data("\(signal): no more messages; waiting for replies\n".utf8))
            run.stop()
        }
    }

    private func settings(_ profile: TrafficProfile, _ limits: RunLimits) -> [String: String] {
        let (target, load) = (self.options.target, self.options.load)
        var settings = [
            "Arrivals": load.arrivals.rawValue, "Door": target.door.rawValue, "Replies matched by": target.matching.rawValue,
            "Kinds": load.kinds.defaultValueDescription, "Assistants": load.assistants.defaultValueDescription,
            "Through Meta": "\(Numbers.short(profile.metaShare * 100)) % of conversations",
            "Conversations":
                "\(Numbers.short(profile.messages)) messages on average, \(Numbers.fixed(profile.meanGap, 1)) s apart",
            "Limits":
                "\(Numbers.short(limits.rate)) messages/s, \(Numbers.short(limits.hours)) h, \(limits.conversations) conversations at once",
        ]
        settings["Model"] = "\(target.modelLatency.defaultValueDescription) (fake)"
        if target.local { settings["Slots"] = "\(target.slots) of each assistant in each worker" }
        return settings
    }
}
