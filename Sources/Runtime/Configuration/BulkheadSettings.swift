public import CardumeCore

extension BulkheadPolicy {
    /// - Parameter section: the assistant's.
    init(_ section: ConfigurationSection) {
        let heavy = section.section("heavy")
        self.init(
            floor: section.integer("floor"), weight: section.integer("weight"),
            lanes: section.section("lanes").items.reduce(into: [:]) { lanes, item in
                guard let lane = item.path.last.flatMap(Lane.init) else { return }
                let slots = item.integer("slots")
                lanes[lane] = LanePolicy(
                    slots: slots == 0 ? nil : slots, floor: item.integer("floor"), isPaused: item.flag("paused"),
                    isSeparate: item.flag("separate"))
            },
            laneRule: LaneRule(
                toolCalls: heavy.integer("tool_calls"), calmToolCalls: heavy.integer("calm_tool_calls"),
                heavyTools: Set(heavy.text("tools").split { $0 == "," || $0 == " " }.map(String.init))),
            adaptiveFloor: section.flag("adaptive") ? section.integer("adaptive_floor") : nil,
            adaptiveStart: section.integer("adaptive_start") == 0 ? nil : section.integer("adaptive_start"))
    }
}

/// How long turns may take.
public struct TimeLimits: Hashable, Sendable {
    private let limits: [LoadLevel: Duration]

    init(_ root: ConfigurationSection) {
        let section = root.section("time_limits")
        self.limits = Dictionary(
            uniqueKeysWithValues: LoadLevel.allCases.map { ($0, section.duration($0.rawValue)) })
    }

    /// All levels are configured, if only by default.
    public subscript(level: LoadLevel) -> Duration { self.limits[level] ?? .seconds(30) }
}

enum BulkheadSettings {
    /// The lanes that `lanes` names; `nil` for all.
    static func lanes(_ root: ConfigurationSection) -> Set<Lane>? {
        let names = Self.names(root)
        return names.isEmpty ? nil : Set(names.compactMap(Lane.init))
    }

    private static func names(_ root: ConfigurationSection) -> [String] {
        root.text("lanes").split { $0 == "," || $0 == " " }.map(String.init)
    }

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues, _ assistants: [Assistant]) -> [ConfigurationProblem] {
        let root = ConfigurationSection(values: values, path: [])
        var problems: [ConfigurationProblem] = []
        func refuse(_ path: [String], at place: String? = nil, _ message: String) {
            problems.append(
                ConfigurationProblem(
                    place: place ?? values.place(path), key: path.joined(separator: "."), message: message))
        }
        func unknown(_ name: String) -> String {
            let nearest = NearestName.of(name, among: Lane.allCases.map(\.rawValue))
            return "there is no lane \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
        }
        for name in Self.names(root) where Lane(rawValue: name) == nil { refuse(["lanes"], unknown(name)) }
        for name in Self.names(root) {
            guard let lane = Lane(rawValue: name), lane != .light,
                !assistants.contains(where: { $0.queues.contains(where: { $0.lane == lane }) })
            else { continue }
            refuse(
                ["lanes"], "no assistant has a separate queue for the lane \"\(name)\" (assistants.*.lanes.\(name).separate)")
        }
        for assistant in assistants {
            let path = ["assistants", assistant.id.rawValue]
            if assistant.id.rawValue.contains(Queue.separator) {
                refuse(path, "an assistant's name must not contain \"\(Queue.separator)\"")
            }
            for name in values.names(under: path + ["lanes"]) {
                let keys = ["slots", "floor", "paused", "separate"].map { path + ["lanes", name, $0] }
                let place = keys.map(values.place).first { !$0.isEmpty }
                guard let lane = Lane(rawValue: name) else {
                    refuse(path + ["lanes", name], at: place, unknown(name))
                    continue
                }
                if assistant.bulkhead.lanes[lane]?.isSeparate == true, !Lane.separable.contains(lane) {
                    let possible = Lane.separable.map(\.rawValue).joined(separator: ", ")
                    refuse(path + ["lanes", name, "separate"], "only these lanes can have a queue of their own: \(possible)")
                }
            }
            let floors = assistant.bulkhead.lanes.values.reduce(0) { $0 + $1.floor }
            let haveAllFloors = Lane.allCases.allSatisfy { assistant.bulkhead.lanes[$0]?.floor ?? 0 > 0 }
            if floors > assistant.slots {
                refuse(path + ["slots"], "the floors of the lanes are \(floors) together, more than `slots`")
            } else if floors == assistant.slots, !haveAllFloors {
                refuse(path + ["slots"], "the floors of the lanes take all `slots`: the other lanes would never run")
            }
        }
        let slots = root.integer("slots")
        let floors = assistants.reduce(0) { $0 + $1.bulkhead.floor }
        if slots > 0, floors > slots { refuse(["slots"], "the floors of the assistants are \(floors) together") }
        if slots > 0, floors == slots, assistants.contains(where: { $0.bulkhead.floor == 0 }) {
            refuse(["slots"], "the floors of some assistants take all `slots`: the others would never run")
        }
        return problems
    }
}
