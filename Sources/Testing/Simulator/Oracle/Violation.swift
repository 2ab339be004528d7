/// A broken promise.
public struct Violation: Error, Sendable, CustomStringConvertible {
    public enum Promise: String, Sendable {
        case loss = "an accepted message is lost"
        case fate = "a message has two fates"
        case order = "replies out of order"
        case duplicates = "more replies than doubts"
        case overlap = "two turns of a conversation at once"
        case staleCommit = "a stale commit was accepted"
        case staleSend = "a reply was sent without the lease"
        case appendedTwice = "a message was appended twice"
        case memory = "more in memory than allowed"
        case kills = "a message kills processes for ever"
        case progress = "no progress after the faults"
        case ending = "a process does not come to its end"
    }

    public let promise: Promise
    public let details: String

    public var description: String { "\(self.promise.rawValue): \(self.details)" }
}
