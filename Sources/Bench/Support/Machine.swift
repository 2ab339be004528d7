import Foundation

/// Where something was measured.
struct Machine: Codable, Equatable, Sendable {
    var processor: String
    var cores: Int
    var memoryBytes: UInt64
    var system: String

    static var current: Machine {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        let info = ProcessInfo.processInfo
        return Machine(
            processor: model?.trimmingCharacters(in: .whitespaces) ?? "unknown", cores: info.processorCount,
            memoryBytes: info.physicalMemory, system: info.operatingSystemVersionString)
    }
}
