import Synchronization

#if canImport(Glibc)
import CScheduler
import Glibc
#endif

/// Some sums that many threads add to, without locks and mostly without meeting: each core has a copy of its own, as far as
/// there are copies, and whoever reads adds these up.
///
/// Sums are floating-point numbers: integers are exact up to 2^53.
// Unchecked: the pointer never changes, what it points to are atomics, and these live as long as this object.
final class StripedNumbers: @unchecked Sendable {
    /// Copies at most: a power of two.
    private static let mostStripes = 8
    /// Two cache lines, because processors fetch them in pairs.
    private static let lineBytes = 128
    private static let stripes: Int = {
        #if canImport(Glibc)
        var stripes = 1
        while stripes < StripedNumbers.mostStripes, stripes < sysconf(Int32(_SC_NPROCESSORS_CONF)) { stripes *= 2 }
        return stripes
        #else
        return 1
        #endif
    }()

    let count: Int
    private let mask: Int
    /// Numbers from one copy to the next.
    private let stride: Int
    private let memory: UnsafeMutableRawPointer
    /// Bit patterns.
    private let numbers: UnsafeMutablePointer<Atomic<UInt64>>

    /// - Parameter count: from 1. All begin with 0.
    init(count: Int) {
        let perLine = Self.lineBytes / MemoryLayout<UInt64>.size
        self.count = count
        self.mask = Self.stripes - 1
        self.stride = (count + perLine - 1) / perLine * perLine
        let total = self.stride * Self.stripes
        self.memory = .allocate(byteCount: total * MemoryLayout<UInt64>.size, alignment: Self.lineBytes)
        self.numbers = self.memory.bindMemory(to: Atomic<UInt64>.self, capacity: total)
        for index in 0..<total { (self.numbers + index).initialize(to: Atomic(0)) }
    }

    deinit {
        self.numbers.deinitialize(count: self.stride * (self.mask + 1))
        self.memory.deallocate()
    }

    /// The copy of the core that this runs on. A thread that is moved in between is right as well, only slower.
    private var stripe: Int {
        #if canImport(Glibc)
        Int(sched_getcpu()) & self.mask
        #else
        0
        #endif
    }

    func add(_ amount: Double, at index: Int) {
        let number = self.numbers + (self.stripe * self.stride + index)
        var old = number.pointee.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let result = number.pointee.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    /// The sum; what is added meanwhile may be in it or not.
    subscript(index: Int) -> Double {
        var sum = 0.0
        for stripe in 0...self.mask {
            sum += Double(bitPattern: self.numbers[stripe * self.stride + index].load(ordering: .relaxed))
        }
        return sum
    }

    /// Sets a sum to 0. What is added meanwhile may be lost.
    func reset(_ index: Int) {
        for stripe in 0...self.mask { self.numbers[stripe * self.stride + index].store(0, ordering: .relaxed) }
    }
}
