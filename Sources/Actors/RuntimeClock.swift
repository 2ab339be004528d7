public import CardumeCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where the actors take their time from.
public protocol RuntimeClock: Sendable {
    /// For records.
    var wallTime: Timestamp { get }
    /// Monotonic, since any fixed origin. For measuring and waiting.
    var uptime: Duration { get }
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func sleep(for duration: Duration) async throws
}

public struct SystemClock: RuntimeClock {
    /// One for all, so that times from different clocks can be compared.
    private static let origin = ContinuousClock.now

    public init() {}

    public var wallTime: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    public var uptime: Duration { Self.origin.duration(to: .now) }

    public func sleep(for duration: Duration) async throws {
        try await ContinuousClock().sleep(for: duration)
    }
}
