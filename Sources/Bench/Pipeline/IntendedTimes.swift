import CardumeActors
import Synchronization

/// When messages should have reached the doors, in wall time.
final class IntendedTimes: Sendable {
    private let offset: Int64
    private let times: Mutex<[Int64]>

    init(count: Int) {
        self.offset = SystemClock().wallTime.milliseconds - MonotonicTime.now / 1_000_000
        self.times = Mutex(Array(repeating: 0, count: count))
    }

    /// - Parameter intended: ``MonotonicTime``.
    func note(_ index: Int, _ intended: Int64) {
        self.times.withLock { $0[index] = intended }
    }

    /// Milliseconds since 1970, cut off, by message.
    var milliseconds: [Int64] {
        self.times.withLock { $0.map { $0 / 1_000_000 + self.offset } }
    }
}
