import Foundation

extension SizingPlan {
    /// The derivation, step by step.
    package var formulas: [Formula] { self.turnFormulas + self.podFormulas + self.storeFormulas + self.providerFormulas }

    private var turnFormulas: [Formula] {
        let (demand, cost) = (self.demand, self.cost)
        return [
            Formula(
                name: "Rate", formula: "λ = max(target, peak / 3600)",
                numbers: "max(\(Self.n(demand.rate)), \(Self.n(demand.peakPerHour)) / 3600)",
                result: "\(Self.n(self.rate)) messages/s"),
            Formula(
                name: "Time of a turn", formula: "W = E[model] + added",
                numbers: "\(Self.n(demand.model.mean)) s (log-normal, p50 \(Self.n(demand.model.median)) s, p95 "
                    + "\(Self.n(demand.model.p95)) s) + \(Self.n(cost.added * 1_000)) ms",
                result: "\(Self.n(demand.model.mean + cost.added)) s"),
            Formula(
                name: "Turns in flight", formula: "L = λ W (Little's law)",
                numbers: "\(Self.n(self.rate)) × \(Self.n(demand.model.mean + cost.added))", result: Self.n(self.inFlight)),
            Formula(
                name: "Slots",
                formula:
                    "L + z √L: Poisson arrivals keep Poisson many turns in flight, whatever the model's distribution (M/G/∞)",
                numbers: "\(Self.n(self.inFlight)) + \(Self.n(self.assumptions.deviations)) × √\(Self.n(self.inFlight))",
                result: "\(self.slots)"),
            Formula(
                name: "Longest calls", formula: "p99.9 of the model: `model.timeout` and `shutdown_deadline` must be beyond it",
                numbers: "p50 exp(3.09 σ)", result: "\(Self.n(demand.model.quantile(deviations: 3.09))) s"),
        ]
    }

    private var podFormulas: [Formula] {
        let (cost, assumptions) = (self.cost, self.assumptions)
        let cores = assumptions.utilisation * assumptions.podCores
        let room = assumptions.memoryUtilisation * assumptions.podMemory - cost.workerMemory
        return [
            Formula(
                name: "Workers by CPU", formula: "λ c / (u × cores − idle)",
                numbers:
                    "\(Self.n(self.rate)) × \(Self.n(cost.worker.perMessage * 1e6)) µs / (\(Self.n(assumptions.utilisation)) × "
                    + "\(Self.n(assumptions.podCores)) − \(Self.n(cost.worker.idle)))",
                result: Self.n(self.rate * cost.worker.perMessage / max(cores - cost.worker.idle, 0.01))),
            Formula(
                name: "Workers by memory", formula: "slots × bytes of a turn / (u × memory − bytes of an idle worker)",
                numbers: "\(self.slots) × \(Self.n(cost.turnMemory / 1_024)) KiB / (\(Self.n(assumptions.memoryUtilisation)) × "
                    + "\(Self.m(assumptions.podMemory)) − \(Self.m(cost.workerMemory)))",
                result: Self.n(Double(self.slots) * cost.turnMemory / max(room, 1))),
            Formula(
                name: "Workers", formula: "the larger of both, rounded up, and one more: any one may be gone",
                numbers: "\(self.pods - 1) + 1", result: "\(self.pods)"),
            Formula(
                name: "Slots of a pod", formula: "max(slots, L / \(Self.n(assumptions.slotUtilisation))) / (workers − 1)",
                numbers: "max(\(self.slots), \(Self.n(self.inFlight / assumptions.slotUtilisation))) / \(self.pods - 1)",
                result: "\(self.slotsPerPod)"),
            Formula(
                name: "Autoscaler's target", formula: "\(Self.n(assumptions.slotUtilisation)) × slots of a pod",
                numbers: "\(Self.n(assumptions.slotUtilisation)) × \(self.slotsPerPod)", result: "\(Self.n(self.target)) slots"),
            Formula(
                name: "Gateways", formula: "λ c / (u × cores − idle), rounded up, and one more",
                numbers: "\(Self.n(self.rate)) × \(Self.n(cost.gateway.perMessage * 1e6)) µs / (\(Self.n(cores)) − "
                    + "\(Self.n(cost.gateway.idle)))", result: "\(self.gateways)"),
        ]
    }

    private var storeFormulas: [Formula] {
        let cost = self.cost
        return [
            Formula(
                name: "Redis", formula: "idle + λ c, of commands, bytes and processor time",
                numbers:
                    "\(Self.n(cost.redisCommands.perMessage)) commands, \(Self.n(cost.redisBytes.perMessage / 1_024)) KiB and "
                    + "\(Self.n(cost.redis.perMessage * 1e6)) µs a message",
                result: "\(Self.n(cost.redisCommands.perSecond(at: self.rate))) commands/s, "
                    + "\(Self.n(cost.redisBytes.perSecond(at: self.rate) / 1_048_576)) MiB/s, "
                    + "\(Self.n(cost.redis.perSecond(at: self.rate))) of its one core: \(Self.n(self.redisHeadroom)) times as much would fill it"
            ),
            Formula(
                name: "PostgreSQL", formula: "idle + λ c, of commits, bytes and processor time",
                numbers:
                    "\(Self.n(cost.commits.perMessage)) commits, \(Self.n(cost.walBytes.perMessage / 1_024)) KiB of write-ahead log and "
                    + "\(Self.n(cost.postgres.perMessage * 1e6)) µs a message",
                result: "\(Self.n(cost.commits.perSecond(at: self.rate))) commits/s, "
                    + "\(Self.n(cost.walBytes.perSecond(at: self.rate) / 1_048_576)) MiB/s, \(Self.n(self.postgresCores)) cores"
            ),
            Formula(
                name: "Database", formula: "λ × bytes × 86400, were every hour the peak",
                numbers: "\(Self.n(cost.databaseBytes / 1_024)) KiB a message",
                result: "\(Self.n(self.rate * cost.databaseBytes * 86_400 / 1_073_741_824)) GiB a day"),
            Formula(
                name: "Connections of a worker", formula: "commits × 10 ms / 0.5, at least 3; two more for its leases",
                numbers: "\(Self.n(cost.commits.perSecond(at: self.rate) / Double(self.pods - 1))) commits/s × 10 ms / 0.5",
                result: "\(self.databaseConnections) + 2; of all pods at most \(self.allDatabaseConnections)"),
        ]
    }

    private var providerFormulas: [Formula] {
        [
            Formula(
                name: "Model's limits", formula: "60 λ × calls of a message; × tokens of a call",
                numbers:
                    "60 × \(Self.n(self.rate)) × \(Self.n(self.assumptions.callsPerMessage)); × \(Self.n(self.demand.tokens))",
                result: "\(Self.n(self.requestsPerMinute)) requests/min, \(Self.n(self.tokensPerMinute)) tokens/min"),
            Formula(
                name: "Messages of a conversation", formula: "λ × 600 / conversations: those of ten minutes",
                numbers: "\(Self.n(self.rate)) × 600 / \(Self.n(self.demand.conversations))",
                result: "\(Self.n(self.rate * 600 / self.demand.conversations)) in ten minutes"),
        ]
    }

    /// Three significant digits, or all of a larger whole number.
    package static func n(_ value: Double) -> String {
        let locale = Locale(identifier: "en_US")
        if abs(value) >= 100 { return value.formatted(.number.precision(.fractionLength(0)).locale(locale)) }
        return value.formatted(.number.precision(.significantDigits(1...3)).locale(locale))
    }

    package static func m(_ bytes: Double) -> String { "\(Self.n(bytes / 1_048_576)) MiB" }
}
