import Foundation
import Testing

@testable import CardumeBench

@Suite struct ComparisonTests {
    private let machine = Machine(processor: "one", cores: 2, memoryBytes: 1 << 30, system: "Linux")
    private let noon = Date(timeIntervalSince1970: 1_700_000_000)

    private func file(_ runs: [[Figure]], command: String = "engine", at time: Date? = nil) -> ReportFile {
        ReportFile(Report(command: command, title: "a title", runs: runs), on: self.machine, at: time ?? self.noon)
    }

    private func rates(_ values: Double..., unit: Figure.Unit = .messagesPerSecond) -> ReportFile {
        self.file(values.map { [Figure("rate", "rate", $0, unit)] })
    }

    @Test(arguments: [
        (Figure.Unit.messagesPerSecond, Comparison.Verdict.worse), (.milliseconds, .better), (.ratio, .changed),
    ])
    func runsThatDoNotOverlapDiffer(_ unit: Figure.Unit, _ verdict: Comparison.Verdict) throws {
        let lower = try Comparison(
            self.rates(100, 110, 120, unit: unit), self.rates(70, 80, 99, unit: unit))
        #expect(lower.lines.map(\.verdict) == [verdict])
        #expect(lower.lines[0].factor == 80 / 110.0)
    }

    @Test func runsThatOverlapShowNothing() throws {
        let line = try Comparison(self.rates(100, 110, 120), self.rates(70, 80, 101)).lines[0]
        #expect(line.verdict == .same)
        #expect(line.loss == 0)
    }

    @Test func oneRunTellsNothing() throws {
        #expect(try Comparison(self.rates(100), self.rates(50, 51)).lines[0].verdict == .unknown)
    }

    @Test func lossIsTheShareThatWasLost() throws {
        #expect(abs(try Comparison(self.rates(100, 101), self.rates(80, 81)).lines[0].loss - 20 / 101.0) < 1e-9)
        let slower = try Comparison(self.rates(100, 100, unit: .seconds), self.rates(150, 150, unit: .seconds))
        #expect(slower.lines[0].loss == 0.5)
    }

    @Test func whatOnlyOneHasIsSaid() throws {
        let after = self.file([[Figure("other", "other", 1)], [Figure("other", "other", 2)]])
        let comparison = try Comparison(self.rates(1, 2), after)
        #expect(comparison.lines.map(\.name) == ["other", "rate"])
        #expect(comparison.lines.map(\.verdict) == [.missing, .missing])
        #expect(comparison.text.contains("missing"))
    }

    @Test func otherMachinesTimesAndCommandsAreNamed() throws {
        var other = self.rates(1, 2)
        other.machine.cores = 64
        other.at = self.noon.addingTimeInterval(7_200)
        #expect(try Comparison(self.rates(1, 2), other).cautions.count == 2)
        #expect(try Comparison(self.rates(1, 2), self.rates(1, 2)).cautions.isEmpty)
        #expect(throws: BenchFailure.self) {
            try Comparison(self.rates(1), self.file([[]], command: "append"))
        }
    }

    @Test func whatIsPrintedIsRead() throws {
        let report = Report(
            command: "engine", title: "a title",
            runs: [[Figure("rate", "rate", 10, .messagesPerSecond)], [Figure("rate", "rate", 12, .messagesPerSecond)]])
        let path = FileManager.default.temporaryDirectory.appending(path: "cardume-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(try report.json().utf8).write(to: URL(filePath: path))
        let file = try ReportFile(path: path)
        #expect(file.figures == ["rate": 12])
        #expect(file.range(of: "rate") == 10...12)
        #expect(file.machine == .current)
        try Data("{}".utf8).write(to: URL(filePath: path))
        #expect(throws: BenchFailure.self) { try ReportFile(path: path) }
        #expect(throws: BenchFailure.self) { try ReportFile(path: path + ".not-there") }
    }
}
