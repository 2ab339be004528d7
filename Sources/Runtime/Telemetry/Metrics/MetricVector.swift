import Synchronization

/// The series of one family, by the values of its labels.
public final class MetricVector<Cell: MetricCell>: Sendable {
    private struct State {
        var cells: [[String]: Cell] = [:]
        /// For all label sets beyond the limit.
        var other: Cell?
    }

    public let family: MetricFamily
    private let limit: Int
    private let onOverflow: @Sendable () -> Void
    private let state = Mutex(State())

    init(_ family: MetricFamily, limit: Int, onOverflow: @escaping @Sendable () -> Void) {
        self.family = family
        self.limit = limit
        self.onOverflow = onOverflow
    }

    /// The series of these label values, in the order of the family's labels; the same each time. Exists, with 0, from the
    /// first call on. Once there are as many as there may be, all others share one.
    public subscript(_ labels: String...) -> Cell { self[labels] }

    /// The same.
    public subscript(_ labels: [String]) -> Cell {
        precondition(
            labels.count == self.family.labels.count, "\(self.family.name) has \(self.family.labels.count) labels: \(labels)")
        // Most are short and known as they are.
        let known = self.state.withLock { $0.cells[labels] }
        if let known { return known }
        let (cell, isBeyond) = self.state.withLock { self.cell(labels.map(MetricLabel.bounded), in: &$0) }
        if isBeyond { self.onOverflow() }
        return cell
    }

    private func cell(_ labels: [String], in state: inout State) -> (cell: Cell, isBeyond: Bool) {
        if let known = state.cells[labels] { return (known, false) }
        guard state.cells.count < self.limit else {
            let other = state.other ?? Cell(self.family)
            state.other = other
            return (other, true)
        }
        let cell = Cell(self.family)
        state.cells[labels] = cell
        return (cell, false)
    }
}

/// A vector, whatever its cells are.
protocol AnyMetricVector: Sendable {
    var family: MetricFamily { get }
    /// All series, in no order.
    var series: [(labels: [String], reading: MetricReading)] { get }
}

extension MetricVector: AnyMetricVector {
    var series: [(labels: [String], reading: MetricReading)] {
        let (cells, other) = self.state.withLock { ($0.cells, $0.other) }
        var series = cells.map { (labels: $0.key, reading: $0.value.reading) }
        if let other { series.append((MetricLabel.other(self.family), other.reading)) }
        return series
    }
}

enum MetricLabel {
    /// Longer values are cut, in bytes of UTF-8.
    static let longest = 128

    /// What a label may hold of `value`.
    static func bounded(_ value: String) -> String {
        guard value.utf8.count > Self.longest else { return value }
        // Never in the middle of a character's bytes.
        var end = value.utf8.index(value.startIndex, offsetBy: Self.longest - 3)
        while end.samePosition(in: value.unicodeScalars) == nil { end = value.utf8.index(before: end) }
        return String(value[..<end]) + "…"
    }

    /// The label set for all that is beyond a family's limit.
    static func other(_ family: MetricFamily) -> [String] { family.labels.map { _ in "other" } }
}
