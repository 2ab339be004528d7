import CardumeCore
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The process itself. What only Linux tells is missing elsewhere.
public struct ProcessSource: MetricSource {
    private let version: String
    private let role: String
    private let health: HealthMonitor
    private let startedAt = Date()

    /// Made when the process starts.
    public init(version: String, role: String, health: HealthMonitor) {
        self.version = version
        self.role = role
        self.health = health
    }

    public func samples() async -> [MetricSample] {
        var samples = [
            MetricSample("cardume_build_info", ["version": self.version, "role": self.role], 1),
            MetricSample("cardume_process_start_time_seconds", self.startedAt.timeIntervalSince1970),
            MetricSample("cardume_process_cpu_seconds_total", Self.processorSeconds),
        ]
        let phase = self.health.currentPhase
        samples += HealthMonitor.Phase.allCases.map {
            MetricSample("cardume_process_phase", ["phase": $0.rawValue], phase == $0 ? 1 : 0)
        }
        if let most = Self.descriptorLimit { samples.append(MetricSample("cardume_process_max_fds", most)) }
        if let descriptors = Self.entries(of: "/proc/self/fd") {
            samples.append(MetricSample("cardume_process_open_fds", Double(descriptors)))
        }
        if let threads = Self.entries(of: "/proc/self/task") {
            samples.append(MetricSample("cardume_process_threads", Double(threads)))
        }
        if let resident = Self.resident {
            samples.append(MetricSample("cardume_process_resident_memory_bytes", Double(resident)))
        }
        return samples + Self.allocator
    }

    private static var processorSeconds: Double {
        var usage = rusage()
        #if canImport(Glibc)
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
        getrusage(RUSAGE_SELF, &usage)
        #endif
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static var descriptorLimit: Double? {
        var limit = rlimit()
        #if canImport(Glibc)
        let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
        let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        return result == 0 ? Double(limit.rlim_cur) : nil
    }

    private static var allocator: [MetricSample] {
        let now = AllocatorStatistics.current
        let states = [
            ("allocated", now.allocated), ("active", now.active), ("resident", now.resident), ("retained", now.retained),
        ]
        return states.map { MetricSample("cardume_allocator_bytes", ["state": $0.0], Double($0.1)) }
    }

    private static func entries(of folder: String) -> Int? {
        try? FileManager.default.contentsOfDirectory(atPath: folder).count
    }

    private static var resident: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
    }
}
