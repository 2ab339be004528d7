import CardumeCore
import CardumeTesting
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What the system says a process has used so far. Zero where `/proc` is missing.
package struct ProcessUsage: Sendable {
    /// In user and system mode, all threads, in steps of a clock tick (10 ms).
    package var cpu: Duration
    /// Bytes.
    package var resident: Int

    /// - Parameter process: `nil`, a process that has ended, counts as nothing.
    package init(of process: Int32?) {
        self.cpu = process.map(Self.cpu) ?? .zero
        self.resident = process.map { Self.resident("\($0)") } ?? 0
    }

    /// Of a process and all that descend from it. What children used that have ended is not counted.
    package init(ofTree process: Int32?) {
        let all = process.map(ProcessTree.list) ?? []
        self.cpu = all.map(Self.cpu).reduce(.zero, +)
        self.resident = all.map { Self.resident("\($0)") }.reduce(0, +)
    }

    package static var residentHere: Int { Self.resident("self") }

    /// Percent of one core, between two looks.
    package static func percent(from begin: ProcessUsage, to end: ProcessUsage, in elapsed: Duration) -> Double {
        100 * (end.cpu - begin.cpu).seconds / elapsed.seconds
    }

    private static func resident(_ process: String) -> Int {
        let fields = Self.read("/proc/\(process)/statm").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }

    private static func cpu(_ process: Int32) -> Duration {
        // After the name, which stands in parentheses and may hold anything: the 12th and 13th field.
        let fields = Self.read("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { return .zero }
        return .seconds(Double(user + system) / Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    private static func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
