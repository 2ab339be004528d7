import Foundation

/// One measured value, in the unit that JSON gets.
struct Figure: Sendable {
    /// With its name in reports.
    enum Unit: String, Codable, Sendable {
        case messagesPerSecond = "messages/s"
        case microseconds = "µs"
        case milliseconds = "ms"
        case seconds = "s"
        case percent = "%"
        case percentOfCore = "% of a core"
        /// Shown as MiB.
        case bytes
        case count
        case ratio
        /// Shown as a percentage.
        case share

        /// A value of this unit, for people.
        func text(_ value: Double) -> String {
            switch self {
            case .messagesPerSecond: "\(Self.grouped(value)) messages/s"
            case .microseconds: "\(Self.fixed(value, 1)) µs"
            case .milliseconds: "\(Self.fixed(value, value < 100 ? 2 : 0)) ms"
            case .seconds: "\(Self.fixed(value, 2)) s"
            case .percent: "\(Self.fixed(value, 2)) %"
            case .percentOfCore: "\(Self.fixed(value, 1)) % of a core"
            case .bytes: "\(Self.fixed(value / 1_048_576, 1)) MiB"
            case .count: Self.grouped(value)
            case .share: "\(Self.fixed(100 * value, 2)) %"
            case .ratio: Self.fixed(value, 2)
            }
        }

        private static func fixed(_ value: Double, _ digits: Int) -> String {
            value.formatted(
                .number.precision(.fractionLength(digits)).grouping(.never).locale(Locale(identifier: "en_US")))
        }

        private static func grouped(_ value: Double) -> String {
            value.formatted(.number.precision(.fractionLength(0)).locale(Locale(identifier: "en_US")))
        }
    }

    /// In JSON, with its unit where it has one.
    let name: String
    /// For people.
    let label: String
    let value: Double
    let unit: Unit

    init(_ name: String, _ label: String, _ value: Double, _ unit: Unit) {
        self.name = name
        self.label = label
        self.value = value
        self.unit = unit
    }

    init(_ name: String, _ label: String, _ value: Int, _ unit: Unit = .count) {
        self.init(name, label, Double(value), unit)
    }

    /// A value of this figure's kind, for people.
    func text(_ value: Double) -> String { self.unit.text(value) }
}
