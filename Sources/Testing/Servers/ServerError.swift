/// A test server that could not be started, asked or found.
public struct ServerError: Error, CustomStringConvertible {
    /// What happened and, where something can be done about it, what.
    public let message: String

    init(_ message: String) {
        self.message = message
    }

    public var description: String { self.message }
}
