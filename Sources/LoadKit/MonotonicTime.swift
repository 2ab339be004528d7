#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The machine's monotonic clock: the same in all its processes.
package enum MonotonicTime {
    /// Nanoseconds.
    package static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Blocks the thread.
    package static func wait(until nanoseconds: Int64) {
        while true {
            let rest = nanoseconds - Self.now
            guard rest > 0 else { return }
            var time = timespec(tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
            nanosleep(&time, nil)
        }
    }
}
