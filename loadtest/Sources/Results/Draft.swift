import CardumeLoad
import Foundation

/// Makes results of a run, at any moment of it.
struct Draft: Sendable {
    let session: LoadSession
    let environment: RunEnvironment
    let startedAt: String
    let run: LoadRun

    /// - Parameter search: of a run that was one.
    func results(search: RunResults.Search?) -> RunResults {
        let record = self.run.snapshot
        let earlier = self.session.earlier
        var steps = record.steps
        // Both are attempts at the same single step.
        if let before = earlier?.steps.first {
            var whole = before
            if let now = steps.first { whole.add(now) }
            steps = [whole]
        }
        let planned = self.session.planned.map(\.seconds).reduce(earlier?.loadedSeconds ?? 0, +)
        let lateness = self.session.options.judge.lateness.seconds
        let drift = self.session.watchesDrift ? Drift(record.timeline) : nil
        let strays = record.strays + (earlier?.strays ?? 0)
        var verdict = Verdict(steps, self.session.objectives, latenessBound: lateness, drift: drift, strays: strays)
        if let search { verdict = Verdict(search, steps) }
        if self.session.isBeyondCapacity, steps.allSatisfy({ $0.refused == 0 }) {
            verdict = verdict.invalidated("nothing was refused: the load was not beyond the target's capacity")
        }
        if self.run.hasStopped { verdict = verdict.invalidated("the run was interrupted") }
        return RunResults(
            mode: self.session.mode, startedAt: self.startedAt, finishedAt: Date().formatted(.iso8601),
            environment: self.environment, objectives: self.session.objectives, latenessBound: lateness, steps: steps,
            timeline: record.timeline, conversations: self.run.conversations + (earlier?.conversations ?? 0), strays: strays,
            foreign: record.foreign + (earlier?.foreign ?? 0),
            failures: record.failures.merging(earlier?.failures ?? [:], uniquingKeysWith: +),
            examples: (earlier?.examples ?? []) + record.examples, sabotage: self.session.options.load.sabotage,
            search: search, drift: drift, segments: record.segment, loadedSeconds: min(self.run.elapsed, planned),
            plannedSeconds: planned, isInterrupted: self.run.hasStopped, verdict: verdict)
    }
}

extension Verdict {
    /// Of a search: it has found a limit, and not even beyond it was anything lost, repeated or out of order.
    init(_ search: RunResults.Search, _ steps: [StepRecord]) {
        var reasons = search.limit == nil ? ["not even the lowest rate kept the objectives"] : []
        for step in steps where step.lost + step.duplicates + step.reordered > 0 {
            reasons.append(
                "\(step.step.name): \(step.lost) lost, \(step.reordered) out of order, \(step.duplicates) answered twice")
        }
        self.init(outcome: reasons.isEmpty ? .passed : .failed, rows: [], reasons: reasons)
    }

    private init(outcome: Outcome, rows: [Row], reasons: [String]) {
        self.outcome = outcome
        self.rows = rows
        self.reasons = reasons
    }

    /// The same of a run that was not what it should have been.
    func invalidated(_ reason: String) -> Verdict {
        Verdict(outcome: .invalid, rows: self.rows, reasons: [reason] + self.reasons)
    }
}
