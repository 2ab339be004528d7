import CardumeLoad
import Foundation

/// What was measured, what follows from it, and whether it held, for people.
struct SizingReport: Sendable {
    let plan: SizingPlan
    /// Of the plan's own run; `nil` when there was none.
    let verification: LoadtestProcess.Results?
    /// Of each measurement.
    let seconds: Int

    var markdown: String {
        """
        # Sizing for \(SizingPlan.n(self.plan.rate)) messages/s

        \(self.summary)

        ## What a message costs

        \(self.cost)

        ## The plan

        \(self.derivation)

        ## Does it hold?

        \(self.proof)

        ## Compared with twelve pods

        \(self.comparison)

        """
    }

    private var machine: String {
        let cpu =
            ((try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "").split(separator: "\n")
            .first { $0.hasPrefix("model name") }?.split(separator: ":").last ?? " unknown"
        return "\(ProcessInfo.processInfo.activeProcessorCount) cores of\(cpu)"
    }

    private var summary: String {
        "**\(self.plan.pods) workers** of \(SizingPlan.n(self.plan.assumptions.podCores)) core and "
            + "\(SizingPlan.m(self.plan.assumptions.podMemory)), each with \(self.plan.slotsPerPod) slots; **\(self.plan.gateways) gateways** of the "
            + "same size. Autoscaler: \(SizingPlan.n(self.plan.target)) slots a pod, \(self.plan.pods) to \(self.plan.maximumPods) pods. "
            + "Measured on \(self.machine), \(self.seconds) s at each rate."
    }

    private var cost: String {
        let cost = self.plan.cost
        func row(_ name: String, _ usage: MessageCost.Usage, _ unit: String, by factor: Double = 1) -> String {
            "| \(name) | \(SizingPlan.n(usage.perMessage * factor)) \(unit) | \(SizingPlan.n(usage.idle * factor)) \(unit) |"
        }
        return """
            | | for a message | in a second without any |
            |---|---|---|
            \(row("Worker, CPU", cost.worker, "µs", by: 1e6))
            \(row("Gateway, CPU", cost.gateway, "µs", by: 1e6))
            \(row("Redis, CPU", cost.redis, "µs", by: 1e6))
            \(row("PostgreSQL, CPU", cost.postgres, "µs", by: 1e6))
            \(row("Redis, commands", cost.redisCommands, ""))
            \(row("Redis, both directions", cost.redisBytes, "KiB", by: 1 / 1_024))
            \(row("PostgreSQL, commits", cost.commits, ""))
            \(row("PostgreSQL, write-ahead log", cost.walBytes, "KiB", by: 1 / 1_024))

            A worker has \(SizingPlan.m(cost.workerMemory)), and \(SizingPlan.n(cost.turnMemory / 1_024)) KiB more for each turn in flight; a \
            conversation that is only known takes none, it lives in the database (\(SizingPlan.n(cost.databaseBytes / 1_024)) KiB a message). \
            One worker and one gateway held \(SizingPlan.n(cost.redisConnections)) connections to Redis and \
            \(SizingPlan.n(cost.postgresConnections)) to PostgreSQL. Beside the model a message took \(SizingPlan.n(cost.added * 1_000)) ms (median).
            """
    }

    private var derivation: String {
        let rows = self.plan.formulas.map { "| \($0.name) | \($0.formula) | \($0.numbers) | **\($0.result)** |" }
        return (["| | Formula | Numbers | Result |", "|---|---|---|---|"] + rows).joined(separator: "\n")
    }

    private var proof: String {
        guard let run = self.verification, let step = run.steps.first else { return "It was not run (--verify 0)." }
        let (reply, added) = (step.reply.milliseconds, step.added.milliseconds)
        let words = run.verdict.reasons.isEmpty ? "" : " " + run.verdict.reasons.joined(separator: "; ") + "."
        return """
            **\(run.verdict.outcome)**: \(self.plan.pods) workers with these slots took \(step.intended) messages of \(run.conversations) \
            conversations on this machine and answered \(step.replied); \(step.lost) lost, \(step.reordered) out of order, \
            \(step.duplicates) answered twice. Message to reply: p50 \(SizingPlan.n(reply["p50"] ?? 0)) ms, p95 \(SizingPlan.n(reply["p95"] ?? 0)) ms; \
            beside the model: p95 \(SizingPlan.n(added["p95"] ?? 0)) ms, p99 \(SizingPlan.n(added["p99"] ?? 0)) ms.\(words)
            """
    }

    private var comparison: String {
        let (ours, theirs) = (self.plan.resources, SizingPlan.compared)
        return """
            LIA's plan for 180 messages/s is twelve pods of 2 vCPU and 4 GiB: 24 vCPU, 48 GiB. This plan has \(SizingPlan.n(ours.cores)) \
            vCPU and \(SizingPlan.n(ours.memory / 1_073_741_824)) GiB, gateways included: \(SizingPlan.n(theirs.cores / ours.cores)) times fewer vCPU, \
            \(SizingPlan.n(theirs.memory / ours.memory)) times less memory. Redis and PostgreSQL come on top in both.

            Real were: the program, Redis, PostgreSQL with `fsync`, webhooks, signatures, HTTP to model and gateway, order, the oracle. \
            Not real were: the model and the gateway (fakes that wait as long as the distribution says and answer briefly), the network (loopback, no TLS), \
            pods (processes on one machine, beside the load's generator), and the assistants' work beyond one model call: long prompts and \
            histories, tools, pictures and audio cost more. LIA's pods do their work in another runtime and with other assistants; theirs is a plan, not a \
            measurement.
            """
    }
}
