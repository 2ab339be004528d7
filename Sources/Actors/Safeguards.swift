/// What keeps promises when things go wrong, and can be left out in simulations, which must then find a broken promise.
package struct Safeguards: OptionSet, Sendable {
    /// Nothing is sent when the lease may have run out.
    package static let leaseTrust = Safeguards(rawValue: 1)
    /// A conversation has one actor in a process.
    package static let serialOrder = Safeguards(rawValue: 2)
    /// A message leaves the log only once its turn is journaled.
    package static let settleAfterCommit = Safeguards(rawValue: 4)
    /// A request in doubt is repeated once at most.
    package static let resendBound = Safeguards(rawValue: 8)

    package static let all: Safeguards = [.leaseTrust, .serialOrder, .settleAfterCommit, .resendBound]

    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }
}
