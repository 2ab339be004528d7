import CardumeRuntime

/// The views of ``TopFrame``, each a list of lines.
struct TopViews {
    private typealias Cell = TopTable.Cell

    let figures: TopFigures
    let sort: TopScreen.Sort
    let width: Int

    func lines(_ view: TopScreen.View) -> [StyledLine] {
        switch view {
        case .queues: self.queues + [StyledLine()] + self.scaling
        case .slots: self.slots
        case .gateways: self.gateways
        case .latencies: self.latencies
        case .errors: self.errors
        case .processes: self.processes
        }
    }

    /// - Parameters:
    ///   - load: what is the most.
    ///   - age: what is the slowest.
    private func sorted<Row>(
        _ rows: [Row], name: (Row) -> String, load: (Row) -> Double, age: (Row) -> Double
    ) -> [Row] {
        rows.sorted { left, right in
            let (first, second) =
                switch self.sort {
                case .name: (0.0, 0.0)
                case .load: (load(left), load(right))
                case .age: (age(left), age(right))
                }
            return first == second ? name(left) < name(right) : first > second
        }
    }

    private func table(_ columns: [TopTable.Column], _ rows: [[Cell]], empty: String) -> [StyledLine] {
        rows.isEmpty ? [StyledLine(empty, .dim)] : TopTable(columns, rows).lines(width: self.width)
    }

    private var queues: [StyledLine] {
        let rows = self.sorted(
            self.figures.queues, name: \.queue, load: { $0.depth ?? -1 }, age: { $0.oldestSeconds ?? -1 })
        return self.table(
            [
                .name("QUEUE"), .number("DEPTH"), .number("OLDEST", rank: 1), .number("RUN", rank: 3), .number("WAIT", rank: 2),
                .number("IN/S", rank: 5), .number("OUT/S", rank: 4), .number("PROCS", rank: 7), .name("STATE", rank: 6),
            ],
            rows.map { queue in
                let isUnserved = queue.processes == 0
                let state = queue.paused ? "paused" : isUnserved ? "unserved" : "open"
                return [
                    Cell(queue.queue), Cell(Short.count(queue.depth)),
                    Cell(Short.seconds(queue.oldestSeconds), queue.oldestSeconds ?? 0 > 60 ? .warning : .plain),
                    Cell(Short.count(queue.running)), Cell(Short.count(queue.waiting)), Cell(Short.rate(queue.inPerSecond)),
                    Cell(Short.rate(queue.outPerSecond)), Cell(Short.count(queue.processes)),
                    Cell(state, queue.paused ? .warning : isUnserved ? .bad : .good),
                ]
            }, empty: "no queues are known")
    }

    private var scaling: [StyledLine] {
        self.figures.pools.map { pool in
            var line = StyledLine("pool \(pool.pool)", .bold)
            let isShort = pool.suggestedPods > pool.pods
            line.append("  \(pool.verdict)", isShort ? .warning : .plain)
            return line
        }
    }

    private var slots: [StyledLine] {
        let rows = self.sorted(
            self.figures.slots, name: { "\($0.assistant) \($0.lane == "light" ? "" : $0.lane)" },
            load: { $0.inUse + $0.waiting }, age: { $0.latencySeconds ?? -1 })
        return self.table(
            [
                .name("ASSISTANT"), .name("LANE", rank: 1), .number("IN USE"), .number("WAITING", rank: 2), .number("LIMIT"),
                .number("ADAPTIVE", rank: 3), .number("BASELINE", rank: 6), .number("LATENCY", rank: 4),
                .name("STATE", rank: 5),
            ],
            rows.map { slots in
                let limit = slots.adaptiveLimit ?? slots.limit
                let isFull = limit.map { slots.inUse >= $0 } ?? false
                return [
                    Cell(slots.assistant), Cell(slots.lane), Cell(Short.count(slots.inUse), isFull ? .warning : .plain),
                    Cell(Short.count(slots.waiting)), Cell(Short.count(slots.limit)), Cell(Short.count(slots.adaptiveLimit)),
                    Cell(Short.seconds(slots.baselineSeconds)), Cell(Short.seconds(slots.latencySeconds)),
                    Cell(slots.paused ? "paused" : isFull ? "full" : "", .warning),
                ]
            }, empty: "no process that runs turns answers")
    }

    private var gateways: [StyledLine] {
        let gateways = self.sorted(
            self.figures.gateways, name: { "\($0.channel) \($0.server)" }, load: { $0.sendsPerSecond ?? -1 },
            age: { $0.failuresPerSecond ?? -1 })
        var lines = self.table(
            [
                .name("CHANNEL"), .name("SERVER", rank: 1), .name("STATE"), .number("SHARE", rank: 3),
                .number("SENDS/S", rank: 2), .number("FAILED/S", rank: 1),
            ],
            gateways.map { gateway in
                let state = gateway.up == gateway.of ? "up" : gateway.up == 0 ? "down" : "up \(gateway.up)/\(gateway.of)"
                return [
                    Cell(gateway.channel), Cell(gateway.server.isEmpty ? "-" : gateway.server),
                    Cell(state, gateway.up == gateway.of ? .good : gateway.up == 0 ? .bad : .warning),
                    Cell(Short.percent(gateway.share)), Cell(Short.rate(gateway.sendsPerSecond)),
                    Cell(Short.rate(gateway.failuresPerSecond), gateway.failuresPerSecond ?? 0 > 0 ? .bad : .plain),
                ]
            }, empty: "no gateway is in use")
        let breakers = self.figures.breakers.sorted {
            ($0.state == "closed" ? 1 : 0, $0.breaker) < ($1.state == "closed" ? 1 : 0, $1.breaker)
        }
        lines +=
            [StyledLine()]
            + self.table(
                [.name("BREAKER"), .name("STATE"), .number("PROCS", rank: 1)],
                breakers.map { breaker in
                    [
                        Cell(breaker.breaker),
                        Cell(breaker.state, breaker.state == "open" ? .bad : breaker.state == "closed" ? .good : .warning),
                        Cell("\(breaker.processes)/\(breaker.of)"),
                    ]
                }, empty: "no circuit breaker has been used")
        lines += [StyledLine()] + self.models
        return lines
    }

    /// What models and budgets take.
    private var models: [StyledLine] {
        let endpoints = self.figures.endpoints.sorted { $0.endpoint < $1.endpoint }.map { endpoint in
            [
                Cell(endpoint.endpoint), Cell("calls at once"),
                Cell(Short.count(endpoint.inFlight), endpoint.inFlight >= endpoint.limit ? .warning : .plain),
                Cell(Short.count(endpoint.limit)), Cell("-"),
            ]
        }
        let budgets = self.figures.budgets.sorted { ($0.budget, $0.kind) < ($1.budget, $1.kind) }.map { budget in
            let isUsedUp = (budget.usedPerMinute ?? 0) >= (budget.limit ?? .infinity)
            return [
                Cell(budget.budget), Cell("\(budget.kind)/min"),
                Cell(Short.count(budget.usedPerMinute), isUsedUp ? .warning : .plain), Cell(Short.count(budget.limit)),
                Cell(Short.count(budget.waiting)),
            ]
        }
        return self.table(
            [.name("MODEL OR BUDGET"), .name("OF", rank: 1), .number("USED"), .number("LIMIT"), .number("WAITING", rank: 2)],
            endpoints + budgets, empty: "no model has a limit")
    }

    private var latencies: [StyledLine] {
        let order = ["wait", "turn", "reply", "model", "send", "commit"]
        let rows = self.sorted(
            self.figures.latencies, name: { "\(order.firstIndex(of: $0.what) ?? 9) \($0.of)" }, load: \.perSecond, age: \.p95)
        return self.table(
            [
                .name("WHAT"), .name("OF", rank: 1), .number("COUNT/S", rank: 3), .number("P50", rank: 2), .number("P95"),
                .number("P99", rank: 1),
            ],
            rows.map { latency in
                [
                    Cell(latency.what), Cell(latency.of.isEmpty ? "-" : latency.of), Cell(Short.rate(latency.perSecond)),
                    Cell(Short.seconds(latency.p50)), Cell(Short.seconds(latency.p95)), Cell(Short.seconds(latency.p99)),
                ]
            },
            empty: self.figures.windowSeconds.map { "nothing ended in the last \(Short.seconds($0))" }
                ?? "asked once: no rates yet")
    }

    private var errors: [StyledLine] {
        let failures = self.sorted(
            self.figures.failures, name: { "\($0.what) \($0.of) \($0.category)" }, load: { $0.perMinute ?? $0.total },
            age: \.total)
        var lines = self.table(
            [
                .name("WHAT"), .name("OF", rank: 2), .name("CATEGORY"), .number("PER MINUTE", rank: 1),
                .number("SINCE START", rank: 3),
            ],
            failures.map { failure in
                [
                    Cell(failure.what), Cell(failure.of.isEmpty ? "-" : failure.of), Cell(failure.category),
                    Cell(Short.rate(failure.perMinute), failure.perMinute ?? 0 > 0 ? .bad : .plain),
                    Cell(Short.count(failure.total)),
                ]
            }, empty: "nothing has failed since the processes started")
        guard !self.figures.topErrors.isEmpty else { return lines }
        lines += [StyledLine(), StyledLine("Dead letters of the last hour, by error", .bold)]
        lines += TopTable(
            [
                .name("ERROR"), .number("COUNT"), .number("CONVERSATIONS", rank: 1), .number("EXAMPLE", rank: 2),
                .name("LAST", rank: 3),
            ],
            self.figures.topErrors.map { error in
                [
                    Cell(error.fingerprint), Cell(Short.count(error.count)), Cell(Short.count(error.conversations)),
                    Cell(String(error.exampleID)), Cell(Table.time(error.lastAt)),
                ]
            }
        ).lines(width: self.width)
        return lines
    }

    private var processes: [StyledLine] {
        let rows = self.sorted(
            self.figures.processes, name: \.process, load: { $0.turns ?? -1 }, age: { $0.cpu ?? -1 })
        return self.table(
            [
                .name("PROCESS"), .name("ROLE", rank: 2), .name("STATE"), .number("CPU", rank: 1), .number("MEMORY", rank: 3),
                .number("TURNS", rank: 4), .number("PARTITIONS", rank: 5), .number("CONVERSATIONS", rank: 6),
                .name("ADDRESS", rank: 8), .name("VERSION", rank: 7),
            ],
            rows.map { process in
                [
                    Cell(process.process), Cell(process.role ?? "-"),
                    Cell(
                        process.problem ?? process.phase ?? "-",
                        process.problem != nil ? .bad : process.phase == "ready" ? .good : .warning),
                    Cell(Short.percent(process.cpu)), Cell(Short.bytes(process.memoryBytes)), Cell(Short.count(process.turns)),
                    Cell(Short.count(process.partitions)), Cell(Short.count(process.conversations)), Cell(process.address),
                    Cell(process.version ?? "-"),
                ]
            }, empty: "nobody was asked")
    }
}
