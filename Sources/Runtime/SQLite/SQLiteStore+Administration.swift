package import CardumeCore
import GRDB

extension SQLiteStore: AdminDatabase {
    package var dialect: AdminDialect { .sqlite }

    package func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value {
        try await self.committer.write { db in try Self.run(body, db) }
    }

    package func query<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value {
        try await self.reading { db in try Self.run(body, db) }
    }

    private static func run<Value>(_ body: (AdminQuery) throws -> Value, _ db: Database) throws -> Value {
        try body { sql, parameters in
            try Row.fetchAll(
                db, sql: AdminDialect.sqlite.text(of: sql), arguments: StatementArguments(parameters.map(\.sqlite))
            ).map { AdminRow($0) }
        }
    }
}

extension AdminValue {
    fileprivate var sqlite: (any DatabaseValueConvertible)? {
        switch self {
        case .null: nil
        case .int(let value): value
        case .double(let value): value
        case .text(let value), .written(let value): WholeText(value)
        case .time(let value): value.milliseconds
        }
    }
}
