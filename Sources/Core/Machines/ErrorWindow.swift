/// Calls and failed calls of the latest stretch of time, in 12 buckets: what is counted is forgotten after 11/12 to 12/12 of
/// the span.
struct ErrorWindow: Sendable {
    private struct Bucket {
        /// Of all buckets since time began.
        var number: Int64 = -1
        var calls = 0
        var errors = 0
    }

    private static let count = 12

    private let width: Int64
    private var buckets = [Bucket](repeating: Bucket(), count: Self.count)

    init(span: Duration) {
        self.width = max(span.milliseconds / Int64(Self.count), 1)
    }

    mutating func count(isError: Bool, at now: Duration) {
        let number = now.milliseconds / self.width
        let index = Int(number % Int64(Self.count))
        if self.buckets[index].number != number { self.buckets[index] = Bucket(number: number) }
        self.buckets[index].calls += 1
        self.buckets[index].errors += isError ? 1 : 0
    }

    func totals(at now: Duration) -> (calls: Int, errors: Int) {
        let oldest = now.milliseconds / self.width - Int64(Self.count)
        return self.buckets.reduce(into: (0, 0)) { totals, bucket in
            guard bucket.number > oldest else { return }
            totals.0 += bucket.calls
            totals.1 += bucket.errors
        }
    }
}
