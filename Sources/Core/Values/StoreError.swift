/// Trouble with a log or a journal, in words that say what to do.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// The sort of trouble.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case unavailable, full, corrupt, locked, newerSchema, incompatible, fenced
        }

        private let value: Value

        /// Not answering at the moment.
        public static let unavailable = Code(value: .unavailable)
        /// No room left on the disk or in the server.
        public static let full = Code(value: .full)
        /// Not a store, or damaged.
        public static let corrupt = Code(value: .corrupt)
        /// Another process owns it.
        public static let locked = Code(value: .locked)
        /// Written by a newer version of the program.
        public static let newerSchema = Code(value: .newerSchema)
        /// Created with other fixed settings (the number of partitions).
        public static let incompatible = Code(value: .incompatible)
        /// A later owner exists; this one must stop.
        public static let fenced = Code(value: .fenced)

        /// Whether the same call may succeed later.
        public var isTransient: Bool { self == .unavailable || self == .full }

        public var description: String { self.value.rawValue }
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}
