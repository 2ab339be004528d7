/// An unmet expectation, or a run that went wrong; the message goes to standard error, the exit status is 1.
package struct LoadFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
