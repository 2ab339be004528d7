/// Trouble with PostgreSQL, classified by SQLSTATE and by what became of the connection. The message is one line and never
/// holds a password.
package struct PostgresError: Error, Sendable, CustomStringConvertible {
    /// The sort of trouble.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case serialization, deadlock, statementTimeout, lockTimeout, timedOut, connection, tooManyConnections, resources,
                constraint, data, authentication, undefinedSchema, preparedStatement, refusedParameter, settings, cancelled,
                poolExhausted, poolClosed, programmer
        }

        private let value: Value

        /// Two transactions got in each other's way; the same one may succeed at once.
        package static let serialization = Code(value: .serialization)
        package static let deadlock = Code(value: .deadlock)
        /// The server, or somebody on it, cancelled the statement.
        package static let statementTimeout = Code(value: .statementTimeout)
        package static let lockTimeout = Code(value: .lockTimeout)
        /// No answer within the client's deadline; the connection is gone.
        package static let timedOut = Code(value: .timedOut)
        /// Cannot connect, or the connection broke, or the server is going down or is a standby.
        package static let connection = Code(value: .connection)
        package static let tooManyConnections = Code(value: .tooManyConnections)
        /// Disk or memory is full.
        package static let resources = Code(value: .resources)
        package static let constraint = Code(value: .constraint)
        /// A value the server does not take.
        package static let data = Code(value: .data)
        package static let authentication = Code(value: .authentication)
        /// A table, schema or database is missing.
        package static let undefinedSchema = Code(value: .undefinedSchema)
        /// A prepared statement is missing or exists already: a pooler stands in between. Nothing was executed.
        package static let preparedStatement = Code(value: .preparedStatement)
        /// A pooler does not take a startup parameter.
        package static let refusedParameter = Code(value: .refusedParameter)
        /// The address cannot be understood.
        package static let settings = Code(value: .settings)
        /// The task was cancelled while it waited for a connection.
        package static let cancelled = Code(value: .cancelled)
        /// No connection became free in time, or too many callers wait already.
        package static let poolExhausted = Code(value: .poolExhausted)
        package static let poolClosed = Code(value: .poolClosed)
        /// Wrong SQL.
        package static let programmer = Code(value: .programmer)

        /// Whether the same call may succeed later.
        package var isTransient: Bool {
            switch self.value {
            case .serialization, .deadlock, .statementTimeout, .lockTimeout, .timedOut, .connection, .tooManyConnections,
                .resources, .preparedStatement, .cancelled, .poolExhausted:
                true
            case .constraint, .data, .authentication, .undefinedSchema, .refusedParameter, .settings, .poolClosed,
                .programmer:
                false
            }
        }

        package var description: String { self.value.rawValue }
    }

    package var code: Code
    package var message: String
    /// The server's five characters; `nil` when the trouble is not the server's.
    package var sqlState: String?
    /// Whether what was asked for may have been done all the same: everything was sent, and no answer came.
    package var outcomeIsUnknown = false
    /// Whether the trouble was found before a byte was sent, so that another connection may be tried at once.
    package var nothingWasSent = false

    package init(_ code: Code, _ message: String, sqlState: String? = nil) {
        self.code = code
        self.message = Self.oneLine(message)
        self.sqlState = sqlState
    }

    /// What the server said.
    package init(sqlState: String, message: String) {
        self.init(Code(sqlState: sqlState, message: message), "\(message) (SQLSTATE \(sqlState))", sqlState: sqlState)
    }

    package var isTransient: Bool { self.code.isTransient }

    package var description: String { self.message }

    private static func oneLine(_ text: String) -> String {
        text.split { $0.isNewline || $0 == "\0" }.map { $0.drop { $0 == "\t" || $0 == " " } }.joined(separator: "; ")
    }
}

extension PostgresError.Code {
    /// The only place where SQLSTATEs are read.
    fileprivate init(sqlState: String, message: String) {
        switch sqlState {
        case "40001": self = .serialization
        case "40P01": self = .deadlock
        case "57014": self = .statementTimeout
        case "55P03": self = .lockTimeout
        case "53300": self = .tooManyConnections
        case "42P01", "3F000", "3D000": self = .undefinedSchema
        case "26000", "42P05": self = .preparedStatement
        // "cached plan must not change result type": a migration ran since it was prepared. The connection is replaced.
        case "0A000" where message.contains("cached plan"): self = .connection
        // A write to a former primary: it was demoted while this connection stayed open.
        case "25006", "57P01", "57P02", "57P03", "57P05": self = .connection
        // PgBouncer's words for a parameter it does not know; its other protocol violations are about connections.
        case "08P01" where message.contains("startup parameter"): self = .refusedParameter
        default:
            switch sqlState.prefix(2) {
            case "08": self = .connection
            case "53", "58": self = .resources
            case "23": self = .constraint
            case "22", "21": self = .data
            case "28": self = .authentication
            case "40": self = .serialization
            default: self = .programmer
            }
        }
    }

    /// Whether the connection that gave this error must not be used again.
    var endsConnection: Bool {
        self == .connection || self == .timedOut || self == .tooManyConnections || self == .authentication
    }
}
