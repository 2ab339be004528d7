/// An unmet expectation, or a run that went wrong; the message goes to standard error, the exit status is 1.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
