public import CardumeCore

/// Pools, and when a process is not well.
public struct ScalingSettings: Sendable {
    /// By name.
    public var pools: [ScalingPool]
    public var readerPatience: Duration
    public var shardPatience: Duration

    /// - Parameter assistants: all that are configured.
    init(_ root: ConfigurationSection, assistants: [Assistant]) {
        let total = root.integer("slots")
        self.pools = root.section("pools").items.map { section in
            let queues = Self.queues(of: section, assistants)
            let slots = section.integer("slots")
            return ScalingPool(
                name: section.path.last ?? "", queues: Set(queues),
                slotsPerPod: slots > 0 ? slots : Self.slots(for: queues, assistants, total: total),
                utilisation: Double(section.text("utilisation")) ?? 0.8, drainTarget: section.duration("drain_target"),
                assumedTurn: section.duration("assumed_turn"))
        }.sorted { $0.name < $1.name }
        let health = root.section("health")
        self.readerPatience = health.duration("reader_patience")
        self.shardPatience = health.duration("shard_patience")
    }

    private static func names(_ text: String) -> [String] { text.split { $0 == "," || $0 == " " }.map(String.init) }

    private static func queues(of section: ConfigurationSection, _ assistants: [Assistant]) -> [QueueID] {
        let (wanted, lanes) = (Self.names(section.text("queues")), Self.names(section.text("lanes")))
        return assistants.filter { wanted.isEmpty || wanted.contains($0.id.rawValue) }.flatMap(\.queues)
            .filter { lanes.isEmpty || lanes.contains($0.lane.rawValue) }
    }

    /// What a process that serves `queues` runs at once: of an assistant all slots with its own queue, else those of the lanes.
    private static func slots(for queues: [QueueID], _ assistants: [Assistant], total: Int) -> Int {
        let sum = assistants.reduce(0) { sum, assistant in
            let lanes = queues.filter { $0.assistant == assistant.id }.map(\.lane)
            if lanes.contains(.light) { return sum + assistant.slots }
            let slots = lanes.reduce(0) { $0 + (assistant.bulkhead.lanes[$1]?.slots ?? assistant.slots) }
            return sum + min(slots, assistant.slots)
        }
        return max(total > 0 ? min(total, sum) : sum, 1)
    }

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues, _ assistants: [Assistant]) -> [ConfigurationProblem] {
        let root = ConfigurationSection(values: values, path: [])
        var problems: [ConfigurationProblem] = []
        var pools: [QueueID: String] = [:]
        for section in root.section("pools").items {
            func refuse(_ key: String, _ message: String) {
                let path = section.path + [key]
                let place = [key, "queues", "lanes", "slots"].map { values.place(section.path + [$0]) }.first { !$0.isEmpty }
                problems.append(
                    ConfigurationProblem(place: place ?? "", key: path.joined(separator: "."), message: message))
            }
            let (known, before) = (assistants.map(\.id.rawValue), problems.count)
            for name in Self.names(section.text("queues")) where !known.contains(name) {
                let nearest = NearestName.of(name, among: known.sorted())
                refuse("queues", "there is no assistant \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
            }
            for name in Self.names(section.text("lanes")) where Lane(rawValue: name) == nil {
                let nearest = NearestName.of(name, among: Lane.allCases.map(\.rawValue))
                refuse("lanes", "there is no lane \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
            }
            let queues = Self.queues(of: section, assistants)
            let name = section.path.last ?? ""
            if queues.isEmpty, problems.count == before {
                refuse("lanes", "the pool has no queue; is the lane `separate` for any of its assistants?")
            }
            for queue in queues {
                // Two autoscalers would make pods for the same work.
                if let other = pools[queue] { refuse("queues", "the queue \(queue) is in the pool \"\(other)\", too") }
                pools[queue] = pools[queue] ?? name
            }
        }
        return problems
    }
}

extension CardumeConfiguration {
    public var scaling: ScalingSettings {
        ScalingSettings(ConfigurationSection(values: self.values, path: []), assistants: self.assistants.map(\.assistant))
    }
}
