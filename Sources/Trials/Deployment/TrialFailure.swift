/// The deployment under trial does not do what it must, or could not be started.
package struct TrialFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
