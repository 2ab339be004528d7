import CardumeCore
import HeapModule

/// Calls that share a server: with `n` of them in flight, each runs at `min(1, capacity / n)` of its full speed.
///
/// Exact, however seldom it is looked at: virtual time passes at that speed, the same for every call, so a call that begins at
/// virtual time `v` and takes `w` alone ends at `v + w`, and the first to end is known at once. (Virtual time: Zhang, "Virtual
/// Clock", 1990; Parekh and Gallager, 1993.)
package struct ProcessorSharing<Call> {
    private struct Entry: Comparable {
        /// Virtual.
        let end: Double
        let number: Int
        let call: Call

        static func == (lhs: Entry, rhs: Entry) -> Bool { lhs.number == rhs.number }
        static func < (lhs: Entry, rhs: Entry) -> Bool { (lhs.end, lhs.number) < (rhs.end, rhs.number) }
    }

    private var capacity: Int?
    private var calls = Heap<Entry>()
    private var count = 0
    /// In seconds, like ``virtual``, which is what it was then.
    private var seenAt = 0.0
    private var virtual = 0.0

    /// - Parameter capacity: calls that run at full speed together, from 1; `nil` for all.
    package init(capacity: Int?) {
        self.capacity = capacity
    }

    package var inFlight: Int { self.calls.count }

    /// Takes the calls that have ended, first those that ended first. Called before the other events of the same moment.
    ///
    /// - Parameter now: monotonic; never before that of an earlier event.
    package mutating func ended(by now: Duration) -> [Call] {
        var ended: [Call] = []
        while let next = self.nextEndSeconds, next <= now.seconds, let entry = self.calls.popMin() {
            self.seenAt = max(self.seenAt, next)
            self.virtual = entry.end
            ended.append(entry.call)
        }
        self.virtual += (now.seconds - self.seenAt) * self.speed
        self.seenAt = now.seconds
        return ended
    }

    /// - Parameter work: how long the call takes alone.
    package mutating func began(_ call: Call, work: Duration) {
        self.count += 1
        self.calls.insert(Entry(end: self.virtual + work.seconds, number: self.count, call: call))
    }

    /// From now on it counts, also for calls in flight.
    package mutating func resize(capacity: Int?) { self.capacity = capacity }

    /// When the next call ends, unless something else happens before; `nil` without calls.
    package var nextEnd: Duration? { self.nextEndSeconds.map { .seconds($0) } }

    private var nextEndSeconds: Double? {
        self.calls.min.map { self.seenAt + max($0.end - self.virtual, 0) / self.speed }
    }

    private var speed: Double {
        guard let capacity, self.calls.count > capacity else { return 1 }
        return Double(capacity) / Double(self.calls.count)
    }
}
