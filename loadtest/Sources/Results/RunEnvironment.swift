import Foundation

/// The machine that generated the load, and what it was told to do.
struct RunEnvironment: Sendable, Codable {
    var machine: String
    var processors: Int
    /// Bytes.
    var memory: Double
    var system: String
    /// What was put under load, for people.
    var target: String
    var commandLine: String
    var seed: UInt64
    var settings: [String: String]

    init(target: String, commandLine: [String], seed: UInt64, settings: [String: String]) {
        let cpu = Self.read("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        self.machine =
            cpu.flatMap { $0.split(separator: ":").last }.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        self.processors = ProcessInfo.processInfo.activeProcessorCount
        self.memory = Double(ProcessInfo.processInfo.physicalMemory)
        self.system = ProcessInfo.processInfo.operatingSystemVersionString
        self.target = target
        self.commandLine = ([URL(filePath: commandLine[0]).lastPathComponent] + commandLine.dropFirst()).joined(separator: " ")
        self.seed = seed
        self.settings = settings
    }

    private static func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
