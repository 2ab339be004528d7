import Synchronization

#if canImport(Glibc)
import CScheduler
import Glibc
#endif

/// Some sums that many threads add to, without locks and mostly without meeting: each core has a copy of its own, as far as
/// there are copies, and whoever reads adds these up.
///
/// Sums are floating-point numbers: integers are exact up to 2^53.
final class StripedNumbers: Sendable {
    /// Atomics cannot stand in an array; objects that hold one can.
    private final class Number: Sendable {
        /// A bit pattern.
        let bits = Atomic<UInt64>(0)

        func add(_ amount: Double) {
            var old = self.bits.load(ordering: .relaxed)
            while true {
                let new = (Double(bitPattern: old) + amount).bitPattern
                let result = self.bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
                if result.exchanged { return }
                old = result.original
            }
        }
    }

    /// Copies at most: a power of two.
    private static let mostStripes = 8
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
    /// Copy by copy, so that what one core touches was allocated together.
    private let numbers: [Number]
    /// The same ones, which live as long as this: their references are not counted, which would cost as much as the sum.
    private let uncounted: [Unmanaged<Number>]

    /// - Parameter count: from 1. All begin with 0.
    init(count: Int) {
        self.count = count
        self.mask = Self.stripes - 1
        self.numbers = (0..<count * Self.stripes).map { _ in Number() }
        self.uncounted = self.numbers.map { .passUnretained($0) }
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
        self.uncounted[self.stripe * self.count + index]._withUnsafeGuaranteedRef { $0.add(amount) }
    }

    /// Two at once. Whoever reads may see one of them earlier than the other.
    func add(_ first: Double, at firstIndex: Int, and second: Double, at secondIndex: Int) {
        let start = self.stripe * self.count
        self.uncounted[start + firstIndex]._withUnsafeGuaranteedRef { $0.add(first) }
        self.uncounted[start + secondIndex]._withUnsafeGuaranteedRef { $0.add(second) }
    }

    /// The sum; what is added meanwhile may be in it or not.
    subscript(index: Int) -> Double {
        (0...self.mask).reduce(0) { sum, stripe in
            sum + Double(bitPattern: self.numbers[stripe * self.count + index].bits.load(ordering: .relaxed))
        }
    }

    /// Sets a sum to 0. What is added meanwhile may be lost.
    func reset(_ index: Int) {
        for stripe in 0...self.mask { self.numbers[stripe * self.count + index].bits.store(0, ordering: .relaxed) }
    }
}
