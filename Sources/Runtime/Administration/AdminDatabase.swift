package import CardumeCore
import Foundation
import GRDB

/// Runs one statement inside a transaction and returns its rows. Parameters are `$1`, `$2`, …
package typealias AdminQuery = (_ sql: String, _ parameters: [AdminValue]) throws -> [AdminRow]

/// Where the journal is, for the rare questions and changes of operators: the same SQL for both databases, but for what
/// ``AdminDialect`` writes. Nothing that a message passes on its way goes through here.
package protocol AdminDatabase: Sendable {
    var dialect: AdminDialect { get }

    /// Runs `body`, which only reads, over one moment's data.
    func query<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value

    /// Runs `body` in a transaction. It may run twice: the first is rolled back then.
    func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value
}

/// How a database writes what others write differently.
package enum AdminDialect: Sendable {
    case sqlite
    case postgres

    /// The statement with `{name}` for each table and `$n` for each parameter, as this database reads it.
    func text(of sql: String) -> String {
        switch self {
        case .sqlite: sql.replacing("{", with: "").replacing("}", with: "").replacing("$", with: "?")
        case .postgres: sql.replacing("{", with: "cardume.").replacing("}", with: "")
        }
    }

    /// The database's clock, in milliseconds since 1970.
    var now: String {
        switch self {
        case .sqlite: "CAST((julianday('now') - 2440587.5) * 86400000 AS bigint)"
        case .postgres: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
        }
    }

    /// A column that holds a time, in milliseconds since 1970.
    func milliseconds(_ column: String) -> String {
        switch self {
        case .sqlite: column
        case .postgres: "CAST(extract(epoch FROM \(column)) * 1000 AS bigint)"
        }
    }

    /// A parameter that may be NULL, of which the database must know the type.
    func typed(_ parameter: String, as type: String) -> String {
        switch self {
        case .sqlite: parameter
        case .postgres: "\(parameter)::\(type)"
        }
    }

    /// Until the transaction ends, no other one goes on from here: what it read before is read anew. SQLite has one that writes
    /// at a time anyway.
    func excludeOthers(_ query: AdminQuery) throws {
        guard self == .postgres else { return }
        // A statement of its own: the snapshots of those that follow come after the lock.
        _ = try query("SELECT pg_advisory_xact_lock(\(0x4341_5244_554D_4537))", [])
    }

    /// Rows that others are working on are left to them.
    var skippingLocked: String { self == .postgres ? " FOR UPDATE SKIP LOCKED" : "" }
}

/// A value bound to a parameter.
package enum AdminValue: Sendable {
    case null
    case int(Int64)
    case double(Double)
    case text(String)
    /// What people write, kept byte for byte.
    case written(String)
    case time(Timestamp)

    static func optional(_ text: String?) -> AdminValue { text.map(AdminValue.text) ?? .null }
    static func flag(_ value: Bool) -> AdminValue { .int(value ? 1 : 0) }
}

/// A row of an answer. Columns count from 0; `nil` is NULL.
package struct AdminRow {
    private enum Cells {
        case sqlite(Row)
        case postgres(PostgresRow)
    }

    private let cells: Cells

    init(_ row: Row) { self.cells = .sqlite(row) }
    init(_ row: PostgresRow) { self.cells = .postgres(row) }

    func int(_ column: Int) -> Int64? {
        switch self.cells {
        case .sqlite(let row): row[column]
        case .postgres(let row): row.int(column)
        }
    }

    /// For columns that are never NULL; 0 when one is.
    func count(_ column: Int) -> Int { Int(self.int(column) ?? 0) }

    func double(_ column: Int) -> Double? {
        switch self.cells {
        case .sqlite(let row): row[column]
        case .postgres(let row): row.double(column)
        }
    }

    /// A text, or UTF-8 in bytes.
    func text(_ column: Int) -> String? {
        switch self.cells {
        case .sqlite(let row): (row[column] as WholeText?)?.text
        case .postgres(let row): row.text(column)
        }
    }

    /// Of SQLite only, to be given back as a parameter.
    func value(_ column: Int) -> AdminValue {
        guard case .sqlite(let row) = self.cells else { preconditionFailure("PostgreSQL's columns have types") }
        return switch row[column] as DatabaseValue {
        case let value where value.isNull: .null
        case let value: Int64.fromDatabaseValue(value).map(AdminValue.int) ?? .text(self.text(column) ?? "")
        }
    }

    /// Of a column in milliseconds.
    func time(_ column: Int) -> Timestamp? { self.int(column).map { Timestamp(milliseconds: $0) } }
}
