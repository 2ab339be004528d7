import CJemalloc

/// What jemalloc, the allocator of the whole process, has in its hands. All in bytes; see jemalloc(3), "stats".
package struct AllocatorStatistics: Hashable, Sendable {
    /// In objects that are in use.
    package var allocated: Int
    /// In pages that hold such objects.
    package var active: Int
    /// In memory that the system counts as this process's.
    package var resident: Int
    /// In address space that was given back to the system but not unmapped.
    package var retained: Int

    /// The present figures. Takes some microseconds.
    package static var current: AllocatorStatistics {
        // Figures are those of the latest epoch.
        var epoch: UInt64 = 1
        mallctl("epoch", nil, nil, &epoch, MemoryLayout<UInt64>.size)
        return AllocatorStatistics(
            allocated: Self.read("stats.allocated"), active: Self.read("stats.active"), resident: Self.read("stats.resident"),
            retained: Self.read("stats.retained"))
    }

    /// Makes threads of the allocator's own give unused pages back to the system after some seconds. Otherwise this happens only
    /// along with other calls, so that a process which has had much to do and now rests keeps them. Called once, at start.
    package static func giveBackInBackground() {
        var isOn = true
        mallctl("background_thread", nil, nil, &isOn, MemoryLayout<Bool>.size)
    }

    private static func read(_ name: String) -> Int {
        var value = 0
        var size = MemoryLayout<Int>.size
        return mallctl(name, &value, &size, nil, 0) == 0 ? value : 0
    }
}
