import Foundation
import Yams

/// What a run must reach: upper bounds, each for every step.
struct Objectives: Sendable, Codable, Equatable {
    enum Measure: String, Sendable, Codable, CaseIterable {
        /// From the intended time of a message until the door has taken it.
        case acceptedP50 = "accepted_p50"
        case acceptedP95 = "accepted_p95"
        case acceptedP99 = "accepted_p99"
        /// From the intended time of a message until its reply has reached the gateway.
        case replyP50 = "reply_p50"
        case replyP95 = "reply_p95"
        case replyP99 = "reply_p99"
        /// The same less what the model took for it, and for those that it had to wait for.
        case addedP50 = "added_p50"
        case addedP95 = "added_p95"
        case addedP99 = "added_p99"
        /// Of messages, those that the door did not take.
        case errors
        /// Accepted and never answered.
        case lost
        /// Replies before those to earlier messages of their conversation.
        case reordered
        /// Replies beyond the first to a message.
        case duplicates
        /// Messages told to come back later, and not when.
        case withoutRetryAfter = "without_retry_after"
        /// Growth over the whole run, where it is significant.
        case latencyDrift = "latency_drift"
        case memoryDrift = "memory_drift"

        enum Unit: Sendable {
            /// Seconds.
            case time
            /// 0 to 1.
            case share
            case count
        }

        var unit: Unit {
            switch self {
            case .acceptedP50, .acceptedP95, .acceptedP99, .replyP50, .replyP95, .replyP99, .addedP50, .addedP95, .addedP99:
                .time
            case .errors, .latencyDrift, .memoryDrift: .share
            case .lost, .reordered, .duplicates, .withoutRetryAfter: .count
            }
        }

        /// Whether it is a matter of the whole run and not of a step.
        var isOfRun: Bool { self == .latencyDrift || self == .memoryDrift }

        func text(_ value: Double) -> String {
            switch self.unit {
            case .time: value < 1 ? "\(Numbers.fixed(value * 1_000, value < 0.1 ? 1 : 0)) ms" : "\(Numbers.fixed(value, 2)) s"
            case .share: "\(Numbers.fixed(value * 100, 2)) %"
            case .count: Numbers.grouped(value)
            }
        }
    }

    struct Objective: Sendable, Codable, Equatable {
        let measure: Measure
        /// In the measure's unit; this much is still good.
        let limit: Double
    }

    /// What an operator must change in a file of objectives.
    struct Problem: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    let all: [Objective]

    /// Reads a file such as
    ///
    ///     added_p95: 1s
    ///     errors: 1%
    ///     lost: 0
    ///
    /// - Parameter file: how problems name it.
    /// - Throws: a ``Problem`` with the place of the first line that is wrong.
    init(yaml: String, file: String) throws {
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw Problem(description: "\(file): not YAML: \(error)")
        }
        guard let mapping = root?.mapping, !mapping.isEmpty else {
            throw Problem(description: "\(file): expected lines such as `added_p95: 1s`")
        }
        self.all = try mapping.map { key, value in
            func problem(_ text: String, _ node: Node) -> Problem {
                Problem(description: "\(file):\(node.mark.map { "\($0.line):\($0.column)" } ?? ""): \(text)")
            }
            let name = key.string ?? ""
            guard let measure = Measure(rawValue: name) else {
                let known = Measure.allCases.map(\.rawValue).joined(separator: ", ")
                throw problem("there is no objective \"\(name)\"; there are \(known)", key)
            }
            let text = value.scalar?.string ?? ""
            guard let limit = Self.limit(text, measure.unit) else {
                throw problem("\(name): \"\(text)\" is not allowed; expected \(Self.expected(measure.unit))", value)
            }
            return Objective(measure: measure, limit: limit)
        }
    }

    private static func limit(_ text: String, _ unit: Measure.Unit) -> Double? {
        let number = text.prefix { $0.isNumber || $0 == "." }
        guard let value = Double(number), value.isFinite else { return nil }
        switch (unit, text.dropFirst(number.count)) {
        case (.time, "ms"): return value / 1_000
        case (.time, "s"): return value
        case (.share, "%"): return value / 100
        case (.count, "") where value == value.rounded(): return value
        default: return nil
        }
    }

    private static func expected(_ unit: Measure.Unit) -> String {
        switch unit {
        case .time: "a duration such as 250ms or 1.5s"
        case .share: "a percentage such as 1% or 0.1%"
        case .count: "a whole number"
        }
    }
}

extension Objectives {
    private init(known yaml: String) {
        do { self = try Objectives(yaml: yaml, file: "") } catch { preconditionFailure("the default objectives: \(error)") }
    }

    /// As in `loadtest/objectives.yaml`.
    static let standard = Objectives(
        known: """
            added_p95: 1s
            accepted_p95: 250ms
            errors: 1%
            lost: 0
            reordered: 0
            duplicates: 0
            """)

    /// As in `loadtest/objectives-soak.yaml`.
    static let soak = Objectives(
        known: """
            added_p95: 1s
            accepted_p95: 250ms
            errors: 1%
            lost: 0
            reordered: 0
            duplicates: 0
            latency_drift: 10%
            memory_drift: 10%
            """)

    /// As in `loadtest/objectives-stress.yaml`: refusals are right where there is no room.
    static let stress = Objectives(
        known: """
            lost: 0
            reordered: 0
            duplicates: 0
            without_retry_after: 0
            """)
}
