import Foundation

/// What `--json` prints: what was measured, where, when, and by which version of this description.
struct ReportFile: Codable, Equatable, Sendable {
    static let latestFormat = 1

    var format = Self.latestFormat
    var command: String
    var title: String
    /// When the last run had ended.
    var at: Date
    var machine: Machine
    /// Medians by name.
    var figures: [String: Double]
    var units: [String: Figure.Unit]
    /// Each run's.
    var each: [[String: Double]]

    init(_ report: Report, on machine: Machine, at time: Date) {
        let figures = report.runs[0]
        self.command = report.command
        self.title = report.title
        self.at = time
        self.machine = machine
        self.figures = Dictionary(uniqueKeysWithValues: figures.map { ($0.name, report.median($0.name)) })
        self.units = Dictionary(uniqueKeysWithValues: figures.map { ($0.name, $0.unit) })
        self.each = report.runs.map { Dictionary(uniqueKeysWithValues: $0.map { ($0.name, $0.value) }) }
    }

    /// - Throws: a ``BenchFailure`` that names the file and what is wrong with it.
    init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else { throw BenchFailure("cannot read \(path)") }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            self = try decoder.decode(Self.self, from: data)
        } catch {
            throw BenchFailure("\(path) is not what `--json` prints")
        }
        guard self.format == Self.latestFormat else {
            throw BenchFailure("\(path) has format \(self.format); this program reads \(Self.latestFormat)")
        }
    }

    /// Least and most of a figure; `nil` where it was measured less than twice.
    func range(of name: String) -> ClosedRange<Double>? {
        let values = self.each.compactMap { $0[name] }
        guard values.count > 1, let least = values.min(), let most = values.max() else { return nil }
        return least...most
    }
}
