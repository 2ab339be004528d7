import CardumeCore
public import CoreMetrics
import Synchronization

/// One series of a family: what is recorded, by whoever holds it. Taking one from a ``MetricVector`` costs a lookup; adding to
/// it costs some nanoseconds, takes no lock and never waits.
public protocol MetricCell: AnyObject, Sendable {
    init(_ family: MetricFamily)
    static var kind: MetricFamily.Kind { get }
    /// What it holds now.
    var reading: MetricReading { get }
}

/// What a series holds.
public enum MetricReading: Hashable, Sendable {
    case value(Double)
    /// Observations in each of the family's buckets, those beyond the last at the end; and their sum.
    case histogram([Double], sum: Double)

    /// Two of the same family.
    static func + (left: Self, right: Self) -> Self {
        switch (left, right) {
        case (.value(let left), .value(let right)): .value(left + right)
        case (.histogram(let left, let leftSum), .histogram(let right, let rightSum)):
            .histogram(zip(left, right).map { $0 + $1 }, sum: leftSum + rightSum)
        case (.value, .histogram), (.histogram, .value): preconditionFailure("readings of different kinds")
        }
    }
}

/// Only grows.
public final class MetricCounter: MetricCell {
    public static let kind = MetricFamily.Kind.counter
    private let numbers = StripedNumbers(count: 1)

    public init(_ family: MetricFamily) {}

    /// - Parameter amount: not below 0; less, and what is no number, counts as nothing.
    public func add(_ amount: Double = 1) {
        if amount >= 0, amount.isFinite { self.numbers.add(amount, at: 0) }
    }

    public var reading: MetricReading { .value(self.numbers[0]) }
}

extension MetricCounter: CounterHandler, FloatingPointCounterHandler {
    public func increment(by amount: Int64) { self.add(Double(amount)) }
    public func increment(by amount: Double) { self.add(amount) }
    public func reset() { self.numbers.reset(0) }
}

/// Goes up and down.
public final class MetricGauge: MetricCell {
    public static let kind = MetricFamily.Kind.gauge
    /// A bit pattern.
    private let number = Atomic<UInt64>(0)

    public init(_ family: MetricFamily) {}

    public func set(_ value: Double) { self.number.store(value.bitPattern, ordering: .relaxed) }

    public func add(_ amount: Double) {
        var old = self.number.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let result = self.number.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    public var reading: MetricReading { .value(Double(bitPattern: self.number.load(ordering: .relaxed))) }
}

extension MetricGauge: MeterHandler, RecorderHandler {
    public func set(_ value: Int64) { self.set(Double(value)) }
    public func increment(by amount: Double) { self.add(amount) }
    public func decrement(by amount: Double) { self.add(-amount) }
    /// A recorder that does not aggregate shows the latest.
    public func record(_ value: Int64) { self.set(Double(value)) }
    public func record(_ value: Double) { self.set(value) }
}

/// Counts observations by size.
public final class MetricHistogram: MetricCell {
    public static let kind = MetricFamily.Kind.histogram
    private let bounds: [Double]
    /// One for each bucket, one for what is beyond, one for the sum.
    private let numbers: StripedNumbers

    public init(_ family: MetricFamily) {
        self.bounds = family.buckets
        self.numbers = StripedNumbers(count: family.buckets.count + 2)
    }

    /// - Parameter value: what is no number is not counted.
    public func observe(_ value: Double) {
        guard value.isFinite else { return }
        var index = 0
        while index < self.bounds.count, value > self.bounds[index] { index += 1 }
        self.numbers.add(1, at: index, and: value, at: self.numbers.count - 1)
    }

    /// In seconds. Below 0, where a clock was set back, counts as 0.
    public func observe(_ duration: Duration) { self.observe(max(0, duration.seconds)) }

    public var reading: MetricReading {
        let sum = self.numbers.count - 1
        return .histogram((0..<sum).map { self.numbers[$0] }, sum: self.numbers[sum])
    }
}

extension MetricHistogram: RecorderHandler, TimerHandler {
    public func record(_ value: Int64) { self.observe(Double(value)) }
    public func record(_ value: Double) { self.observe(value) }
    public func recordNanoseconds(_ duration: Int64) { self.observe(Double(duration) / 1e9) }
}
